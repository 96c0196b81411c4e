"""What is shown of a URI that may hold a password, and of a text that quotes one."""

import traceback

import pytest
from pydantic import BaseModel

from teleprompt.encoding.secret_uri import SecretUri, hide_credentials, without_credentials

MARK = "hunter2MARK"


class Holder(BaseModel):
    """Something with a URI in it."""

    uri: SecretUri


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////srv/me@work/mlflow.db", "sqlite:////srv/me@work/mlflow.db"),
        ("databricks", "databricks"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        (f"http://mlflow:{MARK}@host:5000", "http://***@host:5000"),
        (f"https://{MARK}@host", "https://***@host"),
        (f"https://host/{MARK}/mlflow", "https://host/***"),
        (f"postgresql+psycopg://mlflow:{MARK}@host/mlflow", "postgresql+psycopg://***@host/mlflow"),
        (f"postgresql://host/mlflow?user=mlflow&password={MARK}", "postgresql://host/mlflow?***"),
        (f"mysql://u:a/b?c#d@{MARK}@host/mlflow", "mysql://***@host/mlflow"),
        (f"postgresql:/mlflow:{MARK}@host/mlflow", "postgresql:***@host/mlflow"),
        (f"sqlite:///mlflow.db?key={MARK}", "sqlite:///mlflow.db?***"),
    ],
)
def test_what_gives_access_is_not_shown(uri: str, shown: str) -> None:
    held = Holder.model_validate({"uri": uri})
    assert held.uri.get_secret_value() == uri
    assert str(held.uri) == f"{held.uri}" == shown
    assert MARK not in repr(held) + held.model_dump_json() + str(held.model_dump())
    assert held == Holder.model_validate({"uri": SecretUri(uri)})


@pytest.mark.parametrize(
    "text",
    [
        f"Request to http://mlflow:{MARK}@host:5000/api failed",
        f"could not parse 'postgresql://u:{MARK}@host/db'",
        f'connection to "host=db password={MARK} user=x" failed',
        f"no answer of https://host/x?api_key={MARK}&page=2",
        f"Caused by ProxyError('http://u:{MARK}@proxy:3128')",
        f"s3://key:a/b+{MARK}@bucket/storage is no bucket",
    ],
)
def test_texts_of_others_are_cleaned_of_what_looks_like_a_secret(text: str) -> None:
    assert MARK not in hide_credentials(text)
    assert hide_credentials(text).split()[0] == text.split()[0] or "***" in hide_credentials(text)


def test_a_text_without_a_secret_stays_as_it_is() -> None:
    text = "MLflow at http://mlflow:5000/api does not answer (Connection refused); write to me@example.org, a=b."
    assert hide_credentials(text) == text
    assert SecretUri("sqlite:////srv/mlflow.db").hide_in(text) == text


@pytest.mark.parametrize(
    "uri",
    [f"http://host/{MARK}/mlflow", f"postgresql://u:{MARK}@host/db", f"postgresql://host/db?password={MARK}&x=1"],
)
def test_errors_are_cleaned_with_all_that_caused_them(uri: str) -> None:
    error, cause = RuntimeError(f"failed at {uri}"), ValueError(OSError(f"no {uri}"))
    error.__context__ = cause
    cause.__cause__ = KeyError(f"/{MARK}/mlflow" if "/mlflow" in uri else MARK)
    assert MARK in "".join(traceback.format_exception(error))
    SecretUri(uri).hide_in_error(error)
    assert MARK not in "".join(traceback.format_exception(error))


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError(MARK), ValueError(MARK)
    first.__cause__, second.__cause__ = second, first
    SecretUri(f"http://u:{MARK}@host").hide_in_error(first)
    assert (str(first), str(second)) == ("***", "***")


def test_the_identity_of_an_address_has_no_password() -> None:
    assert without_credentials(f"http://u:{MARK}@host/v1") == "http://***@host/v1"
    assert without_credentials("http://host/v1") == "http://host/v1"

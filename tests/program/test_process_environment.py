"""Which of our variables program code gets."""

import pytest
from pydantic import ValidationError

from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.settings import LMConfig
from teleprompt.program.process_environment import process_environment

OURS = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "AIRFLOW__CORE__FERNET_KEY": "s",
    "AIRFLOW_CONN_TELEPROMPT_LM": "s",
    "TELEPROMPT_LM__API_KEY": "s",
    "MLFLOW_TRACKING_URI": "s",
    "DATABASE_URL": "s",
    "OPENAI_API_KEY": "openai",
    "ANTHROPIC_API_KEY": "anthropic",
    "AWS_SECRET_ACCESS_KEY": "aws",
    "GOOGLE_APPLICATION_CREDENTIALS": "google",
    "SEARCH_KEY": "search",
    "FSSPEC_SFTP_PASSWORD": "sftp",
}


def given(**how: object) -> set[str]:
    return set(process_environment(OURS, **how)) - {"PATH", "LC_ALL"}  # type: ignore[arg-type]


def model(name: str) -> LMConfig:
    return LMConfig(model=name)


def test_a_program_that_is_only_built_gets_no_key() -> None:
    assert given() == set()
    assert process_environment(OURS) == {"PATH": "/bin", "LC_ALL": "C"}


def test_a_program_that_runs_gets_the_keys_of_its_own_models_providers() -> None:
    assert given(models=[model("openai/gpt-5")]) == {"OPENAI_API_KEY"}
    assert given(models=[model("gpt-5"), model("anthropic/claude")]) == {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
    assert given(models=[model("bedrock/x")]) == {"AWS_SECRET_ACCESS_KEY"}
    assert given(models=[model("offline/nearest-demo")]) == set()


def test_a_model_whose_provider_is_called_like_us_gets_nothing_of_ours() -> None:
    assert given(models=[model("airflow/x"), model("teleprompt/x"), model("mlflow/x")]) == set()


def test_work_that_is_kept_in_a_bucket_gets_the_keys_of_the_bucket() -> None:
    assert given(storage_uri="s3://bucket/x") == {"AWS_SECRET_ACCESS_KEY", "FSSPEC_SFTP_PASSWORD"}
    assert given(storage_uri="gs://bucket/x") == {"GOOGLE_APPLICATION_CREDENTIALS", "FSSPEC_SFTP_PASSWORD"}
    assert given(storage_uri="sftp://host/x") == {"FSSPEC_SFTP_PASSWORD"}
    assert given(storage_uri="/var/storage") == set()


def test_what_an_installation_names_is_given_too_but_nothing_of_ours() -> None:
    assert given(more=ProgramProcessConfig(environment=("SEARCH_KEY",)).environment) == {"SEARCH_KEY"}
    assert given(more=["MLFLOW_TRACKING_URI"]) == {"MLFLOW_TRACKING_URI"}
    for name in ("AIRFLOW__CORE__FERNET_KEY", "TELEPROMPT_SIGNER__PASSWORD", "AIRFLOW_CONN_X"):
        with pytest.raises(ValidationError, match="is not for program code"):
            ProgramProcessConfig(environment=(name,))

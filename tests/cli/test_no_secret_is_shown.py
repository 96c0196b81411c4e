"""A marked secret in each connection, each way to fail, and each output of the command: the mark is in none."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.signing.signer import open_signer
from teleprompt.tracking.connection import mlflow_client
from tests.cli.conftest import Result
from tests.loopback import Exchange, answering, serving
from tests.support import ALICE, write_program

MARK = "hunter2MARK"
CLOSED = "127.0.0.1:9"
"""Nobody listens there."""

TRACKING = {
    "password": f"http://mlflow:{MARK}@{CLOSED}",
    "token as user": f"http://{MARK}@{CLOSED}",
    "token in the path": f"http://{CLOSED}/{MARK}/mlflow",
    "token in the query": f"http://{CLOSED}?token={MARK}",
    "encoded": f"http://mlflow:%40{MARK}%2F@{CLOSED}",
    "slash in the password": f"http://mlflow:a/{MARK}@{CLOSED}",
    "at in the password": f"http://mlflow:a@{MARK}@{CLOSED}",
    "no host": f"http://mlflow:{MARK}@",
    "no port": f"http://mlflow:{MARK}@{CLOSED}x",
    "no address": f"http://mlflow:{MARK}@[::1",
    "not http": f"htp://mlflow:{MARK}@{CLOSED}",
    "no slashes": f"postgresql:mlflow:{MARK}@{CLOSED}/mlflow",
    "database": f"postgresql://mlflow:{MARK}@{CLOSED}/mlflow",
    "database, by query": f"postgresql://{CLOSED}/mlflow?user=mlflow&password={MARK}",
    "database, no port": f"postgresql://mlflow:{MARK}@{CLOSED}x/mlflow",
    "database, slash": f"postgresql://mlflow:a/{MARK}@{CLOSED}/mlflow",
    "database, at": f"postgresql://mlflow:a@{MARK}@{CLOSED}/mlflow",
    "database, no such driver": f"postgresql+none://mlflow:{MARK}@{CLOSED}/mlflow",
    "database, driver not installed": f"mssql://mlflow:{MARK}@{CLOSED}/mlflow",
    "database, unknown option": f"postgresql://mlflow:{MARK}@{CLOSED}/mlflow?nonsense={MARK}",
    "file": f"sqlite:////proc/none/mlflow.db?password={MARK}",
}


@pytest.fixture
def shown(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[..., str]:
    """All that a command shows: both outputs, and the log."""
    import mlflow.store.db.utils

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(mlflow.store.db.utils, "MAX_RETRY_COUNT", 1)  # a minute, else

    def run(*arguments: str) -> str:
        result = call(*arguments)
        assert result.status, f"{arguments} did not fail: {result.out}"
        return f"{result.out}{result.err}{caplog.text}"

    return run


@pytest.mark.parametrize("uri", TRACKING.values(), ids=TRACKING)
def test_mlflow(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", uri)
    for command in (["status"], ["doctor", "--json"], ["traces", "inspect", "shelves"]):
        assert MARK not in shown(*command), command


@pytest.mark.parametrize("uri", TRACKING.values(), ids=TRACKING)
def test_tracebacks(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    with pytest.raises(Exception) as error, mlflow_client(uri) as client:  # whatever it is: one for each way to fail
        client.search_experiments()
    assert MARK not in "".join(traceback.format_exception(error.value))


class Angry(Exchange):
    """Refuses every request, and quotes it."""

    def respond(self) -> None:
        status = int(self.headers.get("x-status", self.path.strip("/").partition("/")[0] or 500))
        quoted = f"<html>{self.headers.get('authorization')} {self.path}</html>".encode()
        self.answer(status, quoted, content_type="text/html")


@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 500, 503])
def test_mlflow_that_refuses(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with serving(answering(Angry)) as address:
        place = address.removeprefix("http://")
        monkeypatch.setenv("TELEPROMPT_TRACKING_URI", f"http://mlflow:{MARK}@{place}/{status}/{MARK}")
        for command in (["status", "--json"], ["doctor"], ["traces", "count", "shelves"]):
            assert MARK not in shown(*command), command


@pytest.mark.parametrize("proxy", [f"http://user:{MARK}@{CLOSED}", f"http://user:{MARK}@[::1", f"htp://u:{MARK}@x"])
def test_a_proxy(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", "http://mlflow.invalid:5000")
    for command in (["status"], ["doctor"]):
        assert MARK not in shown(*command), command


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://KEY:{MARK}@bucket/storage",
        f"s3://KEY:a/b+{MARK}@bucket/storage",
        f"s3://{MARK}@bucket/storage",
        f"s3://bucket/storage?secret={MARK}",
        f"sftp://user:{MARK}@host/storage",
        f"memory://x?{MARK}",
        f"none://user:{MARK}@host/storage",
    ],
)
def test_the_storage_and_a_backup(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    for command in (["backup", uri], ["restore", uri]):
        assert MARK not in shown(*command), command
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", uri)
    for command in (["status"], ["doctor", "--json"], ["maintenance", "plan"]):
        assert MARK not in shown(*command), command


def test_a_user_without_a_password_is_no_secret(settings: Settings) -> None:
    for uri in ("abfs://container@account.dfs.core.windows.net/storage", "sftp://user@host/storage", "/srv/me@work"):
        assert Settings(storage_uri=uri).storage_uri == uri


@pytest.mark.parametrize(
    "api_base", [f"http://user:{MARK}@{CLOSED}/v1", f"http://{CLOSED}/v1?key={MARK}", f"http://user:{MARK}@[::1"]
)
def test_a_language_model(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, api_base: str) -> None:
    monkeypatch.setenv("TELEPROMPT_LM__MODEL", "openai/none")
    monkeypatch.setenv("TELEPROMPT_LM__API_BASE", api_base)
    monkeypatch.setenv("TELEPROMPT_LM__API_KEY", f"sk-{MARK}")
    monkeypatch.setenv("TELEPROMPT_LM__NUM_RETRIES", "0")
    assert MARK not in shown("doctor")
    assert MARK not in json.dumps(Settings().models)


@pytest.mark.parametrize(
    "url",
    [f"http://{CLOSED}/v3/{MARK}", f"http://user:{MARK}@{CLOSED}", f"http://[::1/{MARK}", f"htp://x/{MARK}", MARK],
    ids=["key in the path", "password", "no address", "not http", "no URL"],
)
def test_a_node(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    chain = {"adapter": "eas", "chain_id": 1, "contract": ALICE, "schema_registry": ALICE}
    write_program(tmp_path / "programs", yaml=f"name: Shelves\nchain: {json.dumps(chain)}\n")
    monkeypatch.setenv("TELEPROMPT_WEB3__URL", url)
    assert MARK not in shown("doctor")


@pytest.mark.parametrize(
    "outside",
    [
        {"url": f"http://user:{MARK}@{CLOSED}/{MARK}"},
        {"url": f"http://{CLOSED}/sign?token={MARK}"},
        {"url": f"http://user:{MARK}@[::1"},
        {"url": f"http://user:{MARK}@{CLOSED}x"},
        {"command": ["/none", f"--password={MARK}"]},
        {"command": ["false", MARK]},
    ],
)
def test_a_signer_outside(outside: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"address": ALICE, **outside}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"TELEPROMPT_SIGNER__{name.upper()}", text)
    settings = Settings()
    assert settings.signer is not None
    with pytest.raises(TelepromptError) as error:
        open_signer(settings.signer).sign(bytes(32))
    assert MARK not in "".join(traceback.format_exception(error.value)) + repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNER", f'{{"address": "0x0", "url": "htp://user:{MARK}@host"}}'),
        ("SIGNER", f'{{"keystore": "{MARK}", "password": ["{MARK}"]}}'),
        ("SIGNER", f"{{{MARK}"),
        ("LM__API_KEY__X", MARK),
        ("LM", f'{{"api_key": ["{MARK}"], "secret": "{MARK}"}}'),
        ("WEB3", f'{{"uri": "{MARK}"}}'),
        ("COSIGNERS", f'["{MARK}"]'),
    ],
)
def test_settings_that_are_none(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    if name == "SIGNER":
        for part in ("KEYSTORE", "PASSWORD"):
            monkeypatch.delenv(f"TELEPROMPT_SIGNER__{part}")
    monkeypatch.setenv(f"TELEPROMPT_{name}", value)
    assert MARK not in shown("status")
    with pytest.raises(Exception) as error:
        Settings()
    assert MARK not in unquote("".join(traceback.format_exception(error.value)))

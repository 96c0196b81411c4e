import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from tests import REPOSITORY


def test_relative_places_start_at_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow's own API sets it
    settings = Settings()
    assert settings.tracking_uri.get_secret_value() == f"sqlite:///{REPOSITORY}/.local/mlflow/mlflow.db"
    assert settings.storage_uri == str(REPOSITORY / ".local/storage")
    assert settings.programs_dir == REPOSITORY / "include/programs"


def test_servers_and_buckets_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", "s3://bucket/teleprompt")
    monkeypatch.setenv("TELEPROMPT_LM__MODEL", "openai/gpt-4o-mini")
    settings = Settings()
    assert (settings.tracking_uri.get_secret_value(), settings.storage_uri) == (
        "http://mlflow:5000",
        "s3://bucket/teleprompt",
    )
    assert settings.lm.model == "openai/gpt-4o-mini"


def test_secrets_are_not_printed() -> None:
    settings = Settings.model_validate(
        {"lm": {"api_key": "sk-marked"}, "signer": {"keystore": {"crypto": "marked"}, "password": "marked"}}
    )
    assert "marked" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TELEPROMPT_LM__MAX_TOKENS", "marked", "TELEPROMPT_LM__MAX_TOKENS: Input should be a valid integer"),
        ("TELEPROMPT_STAGE_RETRIES", "-1", "TELEPROMPT_STAGE_RETRIES: Input should be greater than or equal to 0"),
        ("TELEPROMPT_SIGNER", "{marked", "TELEPROMPT_SIGNER: Input should be a valid dictionary"),
        ("TELEPROMPT_RETENTION", "{marked", "TELEPROMPT_RETENTION: "),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        Settings()
    assert str(caught.value).startswith(said)
    assert "marked" not in str(caught.value)

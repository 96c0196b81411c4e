"""Where the package runs: MLflow, storage, the language model and the signer."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from teleprompt.config.alerts import DefaultAlerts
from teleprompt.config.fleet import FleetConfig
from teleprompt.config.message_keys import MessageKeyConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.project import PROGRAMS, project_dir
from teleprompt.config.public_log import PublicLogConfig
from teleprompt.config.retention import RetentionConfig
from teleprompt.config.signers import Address, SignerConfig
from teleprompt.encoding.secret_uri import SecretUri, without_credentials
from teleprompt.errors import ConfigurationError
from teleprompt.storage.blobs import refuse_credentials

OFFLINE_MODEL = "offline/nearest-demo"


class LMConfig(BaseModel):
    """A language model: the embedded offline engine, or any model that LiteLLM names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    model: str = OFFLINE_MODEL
    """`provider/model` as LiteLLM names it."""
    api_base: SecretUri | None = None
    """Address of the API, where it is not the provider's own."""
    api_key: SecretStr | None = None
    temperature: float | None = None
    """Without it, the provider's own."""
    max_tokens: int | None = Field(None, ge=1)
    """Most tokens of an answer; without it, the provider's own limit."""
    timeout_seconds: float = Field(60, gt=0)
    """Time limit of one request."""
    num_retries: int = Field(3, ge=0)
    """How often a request is repeated after an outage or a limit of rate."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that can change an answer; no key, and no password of the address."""
        named = self.model_dump(mode="json", include={"model", "api_base", "temperature", "max_tokens"})
        return {**named, "api_base": self.api_base and without_credentials(self.api_base.get_secret_value())}


class Web3Config(BaseModel):
    """A node of the chain that attestations are submitted to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    url: SecretStr
    """Its JSON-RPC address; providers put a key into it."""


class Settings(BaseSettings):
    """One environment. Each field can be set as `TELEPROMPT_<FIELD>`; relative paths start at the project.

    In Airflow the connections `mlflow_default`, `teleprompt_storage`, `teleprompt_lm` and
    `teleprompt_signer` fill it instead.
    """

    model_config = SettingsConfigDict(
        env_prefix="TELEPROMPT_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    project_dir: Path = Field(default_factory=project_dir)
    """The project's folder, where relative paths start. Default: `AIRFLOW_HOME`, else the nearest folder that holds
    `include/programs`."""
    tracking_uri: SecretUri = Field(
        SecretUri("sqlite:///.local/mlflow/mlflow.db"),
        validation_alias=AliasChoices("TELEPROMPT_TRACKING_URI", "MLFLOW_TRACKING_URI"),
    )
    """The MLflow that holds traces, records and versions; `MLFLOW_TRACKING_URI` says the same."""
    storage_uri: str = ".local/storage"
    """Folder or bucket of what is big (snapshots, candidates) and of the outbox; all workers have to see it. Without a
    password: records name files by it."""
    programs_dir: Path = PROGRAMS
    """Folder of the program files and their code."""
    lm: LMConfig = LMConfig()
    """Answers for the programs."""
    prompt_lm: LMConfig | None = None
    """Writes and criticises instructions; None: `lm` does it."""
    judge_lm: LMConfig | None = None
    """Grades answers where the metric is `judge`; None: `lm` does it."""
    signer: SignerConfig | None = None
    """Signs attestations, and the transactions that submit them unless there is a `payer`."""
    payer: SignerConfig | None = None
    """Sends the transactions that submit attestations, and pays for them: a key with coins and nothing to attest. None:
    `signer` does."""
    signer_queue: str | None = None
    """Celery's queue of the tasks that sign, where only one worker has the key; None: the queue of all tasks."""
    cosigners: tuple[SignerConfig, ...] = ()
    """Sign attestations and mint requests too."""
    trusted_signers: Annotated[tuple[Address, ...], NoDecode] = ()
    """Whose signatures count on what is stored, beside the signer's and the cosigners': addresses of keys that were
    replaced, or, where no key is at hand, of all; separated by commas."""
    envelope_key: MessageKeyConfig | None = None
    """Signs DSSE envelopes for tools that do not know the signer's curve: P-256 or Ed25519."""
    public_log: PublicLogConfig | None = None
    """The public log of trials and attestations; None: there is none."""
    web3: Web3Config | None = None
    """The chain's node; only where a program file has a `chain`."""
    alerts_file: Path = Path("include/alerts.yaml")
    """Who is told of what, for all programs; it need not exist."""
    default_alerts: DefaultAlerts = DefaultAlerts()
    """Who is told of what no rule names."""
    spool_dir: Path = Path(".local/spool")
    """Where submitted traces wait for MLflow, on this machine's disk."""
    api_cache_seconds: float = Field(1, ge=0, le=60)
    """How long the API and the pages give the same answer again to the same login, so that MLflow is asked once by
    however many readers; what the same process changes shows at once. 0: not at all."""
    program_process: ProgramProcessConfig = ProgramProcessConfig()
    """The processes that program code runs in."""
    parallel_candidates: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=64)
    """Candidates that a run outside of Airflow compiles at a time, each in a process of its own. Default: one per
    processor, at most 4. In Airflow pools and slots decide."""
    stage_retries: int = Field(2, ge=0, le=20)
    """How often a stage outside of Airflow is tried again where something did not answer, after 30 seconds, then 60,
    and so on. In Airflow the task's `retries` decide."""
    fleet: FleetConfig = FleetConfig()
    """A bound on the share of promotions without a gain, over all programs."""
    retention: RetentionConfig = RetentionConfig()
    """How long what is not evidence is kept."""

    def __init__(self, **given: Any) -> None:
        """Read the environment; `given` is laid over it.

        Raises:
            ConfigurationError: a value cannot be used. The variable is named; the value, which may be a secret, is not.
        """
        try:
            super().__init__(**given)
        except ValidationError as error:
            found = {_variable(one["loc"]): one["msg"] for one in reversed(error.errors(include_input=False))}
            told = "; ".join(f"{variable}: {why}" for variable, why in found.items())
            raise ConfigurationError(f"{told}; correct it in the environment.") from None
        except SettingsError as error:
            named = re.search(r'field "(\w+)"', str(error))
            variable = _variable((named[1],)) if named else "A TELEPROMPT_ variable"
            raise ConfigurationError(f"{variable}: it is no JSON; correct it in the environment.") from None

    @field_validator("tracking_uri")
    @classmethod
    def _absolute_sqlite(cls, tracking_uri: SecretUri, others: ValidationInfo) -> SecretUri:
        prefix, uri = "sqlite:///", tracking_uri.get_secret_value()
        if uri.startswith(prefix) and not uri.startswith(prefix + "/") and uri != prefix:
            return SecretUri(f"{prefix}{others.data['project_dir'] / uri.removeprefix(prefix)}")
        return tracking_uri

    @field_validator("trusted_signers", mode="before")
    @classmethod
    def _separate(cls, given: object) -> object:
        return tuple(filter(None, re.split(r"[,\s]+", given))) if isinstance(given, str) else given

    @property
    def signers(self) -> tuple[SignerConfig, ...]:
        """All that sign an attestation."""
        return (*((self.signer,) if self.signer else ()), *self.cosigners)

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """What names each language model, without keys; only those that are set."""
        named = {"lm": self.lm, "prompt_lm": self.prompt_lm, "judge_lm": self.judge_lm}
        return {name: model.identity for name, model in named.items() if model is not None}

    @field_validator("storage_uri")
    @classmethod
    def _absolute_folder(cls, uri: str, others: ValidationInfo) -> str:
        refuse_credentials(uri)
        return uri if "://" in uri else str(others.data["project_dir"] / uri)

    @field_validator("programs_dir", "spool_dir", "alerts_file")
    @classmethod
    def _absolute_dir(cls, path: Path, others: ValidationInfo) -> Path:
        project: Path = others.data["project_dir"]
        return project / path


def _variable(place: tuple[int | str, ...]) -> str:
    """The variable that fills a field; what a place says beyond fields is which of several forms was tried."""
    fields = [str(part) for part in place[:1]]
    for part in map(str, place[1:]):
        if not part.islower():
            break
        fields.append(part)
    name = "__".join(fields).upper()
    return name if name.startswith("TELEPROMPT_") else f"TELEPROMPT_{name}"

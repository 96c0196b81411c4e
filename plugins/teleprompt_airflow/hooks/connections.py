"""The connection types of the package, one hook each: what a connection gives, and whether that can be used.

Which fields a connection's form has is said in `teleprompt_airflow.provider`; what they mean, in `hooks.settings`.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook

from teleprompt.config.settings import Settings
from teleprompt_airflow.hooks.settings import MLFLOW, SIGNER, STORAGE, build_settings, cosigners_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from upath import UPath

    from teleprompt.signing.signer import Signer


class SettingsHook(BaseHook):
    """A hook whose connection fills a part of the settings.

    :param conn_id: the connection's id.
    """

    conn_name_attr = "conn_id"
    default_conn_name: ClassVar[str]
    check: ClassVar[str]
    """The check of `teleprompt doctor` that looks at it."""

    def __init__(self, conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id or self.default_conn_name

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """The settings with what the connection says."""

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection can be used, and what was found; Airflow's button *Test* asks."""
        from teleprompt.health import examine

        try:
            (finding,) = examine(self.settings, [self.check])
        except Exception as error:  # noqa: BLE001 - whatever is wrong is the answer
            return False, str(error)
        return finding.ok, finding.detail


class MlflowTrackingHook(SettingsHook):
    """MLflow, where traces are logged and versions are registered."""

    conn_type = "teleprompt_mlflow"
    hook_name = "Teleprompt: MLflow"
    default_conn_name = MLFLOW
    check = "mlflow"

    @property
    def settings(self) -> Settings:
        """The settings with this MLflow."""
        return build_settings({MLFLOW: self.get_connection(self.conn_id)}, lm_conn_id="")

    def get_conn(self) -> "MlflowClient":
        """A client of the tracking server or database."""
        from mlflow import MlflowClient

        return MlflowClient(self.settings.tracking_uri.get_secret_value())


class StorageHook(SettingsHook):
    """The folder or bucket of snapshots and candidates."""

    conn_type = "teleprompt_storage"
    hook_name = "Teleprompt: storage"
    default_conn_name = STORAGE
    check = "storage"

    @property
    def settings(self) -> Settings:
        """The settings with this storage."""
        return build_settings({STORAGE: self.get_connection(self.conn_id)}, lm_conn_id="")

    def get_conn(self) -> "UPath":
        """The folder, or what stands for it in a bucket."""
        from upath import UPath

        return UPath(self.settings.storage_uri)


class LanguageModelHook(SettingsHook):
    """A language model, by LiteLLM's name of it."""

    conn_type = "teleprompt_lm"
    hook_name = "Teleprompt: language model"
    default_conn_name = "teleprompt_lm"
    check = "lm"

    @property
    def settings(self) -> Settings:
        """The settings with this model."""
        return build_settings({self.conn_id: self.get_connection(self.conn_id)}, lm_conn_id=self.conn_id)

    def get_conn(self) -> Any:
        """The `dspy.LM`."""
        from teleprompt.lm.build import build_lm

        return build_lm(self.settings.lm)


class SignerHook(SettingsHook):
    """The key that signs attestations and transactions, or a signer outside."""

    conn_type = "teleprompt_signer"
    hook_name = "Teleprompt: signer"
    default_conn_name = SIGNER
    check = "signer"

    @property
    def settings(self) -> Settings:
        """The settings with this signer and its cosigners."""
        connection = self.get_connection(self.conn_id)
        cosigners = {name: self.get_connection(name) for name in cosigners_of(connection)}
        return build_settings({SIGNER: connection, **cosigners}, lm_conn_id="")

    def get_conn(self) -> "Signer":
        """What signs a digest."""
        from teleprompt.signing.signer import open_signer

        signer = self.settings.signer
        assert signer is not None  # noqa: S101 - its connection is there
        return open_signer(signer)

"""The connections of the Airflow beside which a command runs, for `teleprompt doctor`."""

import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from teleprompt.config.settings import Settings
from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.queries.catalog import sound_configs
from teleprompt_airflow.hooks.settings import MLFLOW, PAYER, SIGNER, STORAGE, build_settings, cosigners_of

LM = "teleprompt_lm"


class AirflowConnections:
    """Airflow's connections by the way that its own server reads them: environment, secrets backends, database."""

    def __init__(self) -> None:
        from airflow.models import Connection
        from airflow.settings import engine
        from airflow.utils.session import create_session
        from sqlalchemy import func, select

        # As `airflow api-server` says of itself; without it connections in the database are none.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        with create_session() as session:  # a database that does not answer would look like one without connections
            count = session.scalar(select(func.count()).select_from(Connection))
        where = hide_credentials(str(engine.url.render_as_string(hide_password=True))) if engine else "its database"
        self.place = f"Airflow keeps {count} connections in {where}"
        found = {name: _found(name) for name in (MLFLOW, STORAGE, LM, SIGNER, PAYER)}
        signer = found[SIGNER]
        self._connections = found | {name: _found(name) for name in (cosigners_of(signer) if signer else ())}
        self.used = tuple(name for name, connection in self._connections.items() if connection is not None)

    def settings(self) -> Settings:
        """The settings that these connections and the environment make; the node is that of the first chain's."""
        programs = sound_configs(Settings().programs_dir)
        chains = [
            config.chain.conn_id for config in programs if config.chain is not None and _found(config.chain.conn_id)
        ]
        nodes = {name: _found(name) for name in chains[:1]}
        return build_settings({**self._connections, **nodes}, lm_conn_id=LM, web3_conn_id=chains[0] if chains else None)

    def extra_of(self, conn_id: str) -> Mapping[str, Any] | None:
        """The `extra` of a connection; None where there is none."""
        connection = _found(conn_id)
        return None if connection is None else dict(connection.extra_dejson)


def _found(conn_id: str) -> Any:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None

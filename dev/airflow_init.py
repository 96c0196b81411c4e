"""Prepares an Airflow home: its database, and what airflow_settings.yaml says. Runs in Airflow's environment."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml


def main(settings_file: Path) -> None:
    """Migrate the database and load the connections, pools and variables of `settings_file`, as Astro does."""
    from airflow.utils.db import initdb, upgradedb
    from airflow.utils.session import create_session

    if _is_new():
        initdb()
    else:
        upgradedb()
    settings = yaml.safe_load(settings_file.read_text(encoding="utf-8"))["airflow"]
    with create_session() as session:
        for entry in settings.get("connections") or []:
            _add_connection(session, entry)
        for entry in settings.get("pools") or []:
            _set_pool(session, entry)
    for entry in settings.get("variables") or []:
        _set_variable(entry)


def _is_new() -> bool:
    import sqlalchemy
    from airflow import settings

    return not sqlalchemy.inspect(settings.engine).has_table("dag")


def _add_connection(session: Any, entry: dict[str, Any]) -> None:
    from airflow.models import Connection
    from sqlalchemy import delete

    extra = entry.get("conn_extra")
    values = {
        "conn_type": entry.get("conn_type"),
        "host": entry.get("conn_host"),
        "schema": entry.get("conn_schema"),
        "login": entry.get("conn_login"),
        "password": entry.get("conn_password"),
        "port": entry.get("conn_port"),
        "extra": extra if isinstance(extra, str) or extra is None else json.dumps(extra),
        "uri": entry.get("conn_uri"),
    }
    session.execute(delete(Connection).where(Connection.conn_id == entry["conn_id"]))
    session.add(Connection(conn_id=entry["conn_id"], **{k: v for k, v in values.items() if v}))


def _set_pool(session: Any, entry: dict[str, Any]) -> None:
    from airflow.models import Pool

    Pool.create_or_update_pool(
        entry["pool_name"],
        slots=int(entry["pool_slot"]),
        description=entry.get("pool_description") or "",
        include_deferred=False,
        session=session,
    )


def _set_variable(entry: dict[str, Any]) -> None:
    from airflow.models import Variable

    Variable.set(entry["variable_name"], entry["variable_value"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

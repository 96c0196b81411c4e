"""One real Airflow, as a process of its own, in which several things happen at once; prints what came of them as JSON.

By name on the command line only some of them: `backfill`, `approval`, `events`.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from dev.airflow_stack import start_airflow
from dev.local import LOCAL, LOGS, free_ports
from dev.processes import process_family
from dev.traffic.parallel import prepare_store
from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.tracking.connection import mlflow_client
from tests.alerts.mailbox import taking_mail
from tests.alerts.receiver import receiving
from tests.e2e import approval, backfill, events
from tests.e2e.settings_file import write_settings_file

SLOTS = 2
"""Of the pool that all of them share."""


def main() -> None:
    configure_third_party()
    settings, ports = Settings(), free_ports()
    for scenario in (backfill, approval, events):
        scenario.write_programs(settings)
    prepare_store()
    with mlflow_client(settings.tracking_uri) as client:  # here, or two of them would make it at once
        client.create_experiment("shop", str(LOCAL / "shop"))
    with taking_mail() as mailbox, receiving() as hook, process_family(LOGS) as family:
        file = LOCAL / "airflow_settings.yaml"
        write_settings_file(file, settings, *events.connections(mailbox, hook), slots=SLOTS)
        api = start_airflow(family, ports, extra_env={}, settings_file=file)
        scenarios: dict[str, Callable[[], dict[str, Any]]] = {
            "backfill": lambda: backfill.take_place(api, family, settings, SLOTS),
            "approval": lambda: approval.take_place(api, family, settings, ports.airflow),
            "events": lambda: events.take_place(api, family, settings, mailbox, hook),
        }
        wanted = sys.argv[1:] or list(scenarios)
        with ThreadPoolExecutor(len(wanted)) as pool:
            begun = {name: pool.submit(scenarios[name]) for name in wanted}
            report: dict[str, Any] = {name: future.result() for name, future in begun.items()}
    report["processes_left"] = [
        process.name()
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE  # it has ended, and we are the parent whom it was given to
    ]
    print(json.dumps(report))


if __name__ == "__main__":
    main()

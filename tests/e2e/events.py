"""Traces that are handed in start a run, its end starts another, and people are told.

`shelves` runs when 80 new calls were logged, `after` when a run of `shelves` is over, `broken` when it is asked for.
Mail goes to a real SMTP server, webhooks to a real HTTP receiver.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from standardwebhooks.webhooks import Webhook

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import wait_for_dag
from dev.processes import ProcessFamily
from teleprompt.config.settings import Settings
from teleprompt.registry.audit_trail import find_gaps, read_trail
from teleprompt.tracking.connection import mlflow_client
from tests.alerts.mailbox import Mailbox
from tests.alerts.receiver import Receiver
from tests.support import ALICE, write_program
from tests.waiting import wait_until

SECONDS = 600
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
SHELVES = """
name: Shelves
schedule: none
new_traces: 80
optimization: {min_traces: 40}
alerts: {deadline_hours: 0.002}
"""
AFTER = """
name: After
schedule: none
scheduling: {depends_on: [shelves]}
alerts: {insufficient_runs: 1}
"""
RULES = f"""
rules:
  - events: [deltaone, rejection, deadline, insufficient_traces, low_power]
  - events: [failure]
    notifier: {SMTP}
    arguments: {{to: ops@example.org, from_email: teleprompt@example.org}}
"""


def write_programs(settings: Settings) -> None:
    """The three programs, and who is told of them."""
    write_program(settings.programs_dir, yaml=SHELVES)
    write_program(settings.programs_dir, "after", yaml=AFTER)
    write_program(settings.programs_dir, "broken", yaml="name: Broken\nschedule: none\n")
    settings.alerts_file.write_text(RULES)


def connections(mailbox: Mailbox, hook: Receiver) -> list[dict[str, Any]]:
    """Those of the notifiers."""
    mail, url = {"disable_tls": True, "disable_ssl": True}, {"url": hook.url}
    return [
        {"conn_id": "teleprompt_webhook", "conn_type": "http", "conn_password": SECRET, "conn_extra": url},
        {"conn_id": "smtp_default", "conn_type": "smtp", "conn_host": "127.0.0.1", "conn_port": mailbox.port,
         "conn_extra": mail},
    ]  # fmt: skip


def take_place(
    api: AirflowApi, family: ProcessFamily, settings: Settings, mailbox: Mailbox, hook: Receiver
) -> dict[str, Any]:
    """Run it; what came of it."""
    for program in ("shelves", "after", "broken"):
        wait_for_dag(api, f"teleprompt_{program}", family)
        api.set_paused(f"teleprompt_{program}", False)
    failed = api.trigger("teleprompt_broken", {})
    triggerer = family.log("airflow-triggerer")  # calls that started before it watches are not new
    wait(lambda: "1 watchers currently running" in triggerer.read_text(), "the triggerer watches")
    accepted = submit(api, 100)
    shelves = ended(api, "teleprompt_shelves")
    after = ended(api, "teleprompt_after")
    wait(lambda: api.run_state("teleprompt_broken", failed) in ENDED, "broken ends")
    wait(lambda: bool(mailbox.messages) and len(told(hook)) >= 3, "mail and webhooks")
    with mlflow_client(settings.tracking_uri) as client:
        trail = [(entry.deed, entry.who) for entry in read_trail(client, "Shelves")]
        gaps = find_gaps(client, "Shelves", read_trail(client, "Shelves"))
    return {
        "accepted": accepted,
        "shelves": shelves,
        "after": after,
        "mail": [(str(mail["subject"]), str(mail["to"])) for mail in mailbox.messages],
        "webhooks": sorted(told(hook)),
        "trail": trail,
        "gaps": gaps,
    }


wait = partial(wait_until, seconds=SECONDS, pause=1)


def submit(api: AirflowApi, count: int) -> int:
    """Hand calls in by the API, as one body of JSON lines."""
    now = datetime.now(UTC)
    lines = []
    for i in range(count):
        kind = "wooden" if i % 4 < 2 else "metal"
        right, wrong = ("left", "right") if kind == "wooden" else ("right", "left")
        lines.append(
            json.dumps(
                {
                    "trace_id": f"call-{i}",
                    "started_at": (now + timedelta(milliseconds=i)).isoformat(),
                    "inputs": {"thing": f"{kind} thing number {i}"},
                    "outputs": {"shelf": right if i % 2 == 0 else wrong},
                    "outcomes": {"outcome_score": float(i % 2 == 0)},
                    "contributor_id": "alice",
                    "contributor_address": ALICE,
                }
            )
        )
    return api.submit_traces("shelves", "\n".join(lines))


def ended(api: AirflowApi, dag_id: str) -> dict[str, Any]:
    """The DAG's first run, once it is over."""
    wait(lambda: any(run["state"] in ENDED for run in api.runs(dag_id)), f"{dag_id} runs")
    run = next(run for run in api.runs(dag_id) if run["state"] in ENDED)
    tasks = {task["task_id"]: task["state"] for task in api.task_instances(dag_id, run["dag_run_id"])}
    concluded = api.xcom(dag_id, run["dag_run_id"], "conclude")
    return {"type": run["run_type"], "state": run["state"], "tasks": tasks, "concluded": concluded}


def told(hook: Receiver) -> set[str]:
    """What was received of these programs, each verified by the format's own library."""
    letters = [Webhook(SECRET).verify(body, headers) for headers, body in hook.requests]
    return {str(letter["type"]) for letter in letters if letter["program"] in {"shelves", "after", "broken"}}

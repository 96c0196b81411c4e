"""Look at what became of a version in production."""

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.window import Window
from teleprompt_airflow.error_tags import tag_errors
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.metrics import gauge, measure_backlog
from teleprompt_airflow.notifications.tell import tell
from teleprompt_airflow.operators.base import actor_of, domain_errors, signers_queue
from teleprompt_airflow.run_window import resolve_window

TOLD_UNTIL = "told_until"
TOLD_CHANGE = "told_change"
"""The number of the last change when the look told."""


class RegressionError(AirflowFailException):
    """The champion does worse; the alert `regression` was sent."""


class RolledBackError(AirflowFailException):
    """The champion did worse and is champion no more; the alert `rollback` was sent."""


class WatchOperator(BaseOperator):
    """Decides on the challenger, or watches the champion; returns the report, and fails on a regression.

    :param program: the program's name on the command line.
    """

    def __init__(self, *, program: str, **kwargs: Any) -> None:
        super().__init__(**{**signers_queue(), **kwargs})
        self.program = program

    def execute(self, context: Any) -> dict[str, Any]:
        """Look once; a regression fails the task, and whoever is told of failures only is told of it by that."""
        from teleprompt.environment import configure_third_party

        configure_third_party()
        tag_errors(program=self.program)
        from teleprompt.alerts.of_watch import alerts_before_look, alerts_of_attestations, alerts_of_look
        from teleprompt.attest.published import read_trust
        from teleprompt.attest.stored import AttestationStore
        from teleprompt.chain.outbox import waiting_since
        from teleprompt.production.look import Production
        from teleprompt.production.report import WatchOutcome
        from teleprompt.registry.change_log import last_number
        from teleprompt.tracking.connection import mlflow_client

        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        with domain_errors(skip_without_traces=True):
            settings = settings_from_connections(config, signer=True)
            actor = actor_of(context)
            waiting: dict[str, datetime] = {}
            if config.chain is not None:
                waiting = waiting_since(settings.storage_uri, config.chain)
                gauge("outbox_waiting", len(waiting), program=self.program)
            since = _untold(context)
            with mlflow_client(settings.tracking_uri) as client:
                measure_backlog(client, config)
                newest, told = last_number(client, config.name), max(_kept(context, TOLD_CHANGE), default=None)
                found = alerts_before_look(client, config, since=since, told=told, waiting=waiting, actor=actor)
                found += alerts_of_attestations(AttestationStore(client, read_trust(settings, client)), config)
            tell(found, context)  # also when looking fails
            context["ti"].xcom_push(key=TOLD_UNTIL, value=since.end.isoformat())
            context["ti"].xcom_push(key=TOLD_CHANGE, value=newest)
            report = Production(config, settings, actor).look()
            with mlflow_client(settings.tracking_uri) as client:
                found = alerts_of_look(client, config, report, actor=actor)
        tell(found, context)
        if report.outcome in {WatchOutcome.REGRESSED, WatchOutcome.ROLLED_BACK}:
            kind, done = {
                WatchOutcome.REGRESSED: (
                    RegressionError,
                    f"`teleprompt versions rollback {self.program}` restores the version before",
                ),
                WatchOutcome.ROLLED_BACK: (RolledBackError, "it was rolled back"),
            }[report.outcome]
            raise kind(f"Version {report.version} of {config.name} does worse: {report.why} {done}.")
        return report.model_dump(mode="json")


def _untold(context: Any) -> Window:
    """From where the look before stopped telling, though it failed or Airflow stood still since, to this run's end.

    The first look tells of its own day.
    """
    own = resolve_window(context, lookback=timedelta(days=1))
    start = max((datetime.fromisoformat(moment) for moment in _kept(context, TOLD_UNTIL)), default=own.start)
    return own if start >= own.end else Window(start=start, end=own.end)


def _kept(context: Any, key: str) -> list[Any]:
    """What the looks so far pushed: Airflow gives nothing, one value or many."""
    task = context["ti"]
    found = task.xcom_pull(task_ids=task.task_id, key=key, include_prior_dates=True)
    return [value for value in (found if isinstance(found, list) else [found]) if value is not None]

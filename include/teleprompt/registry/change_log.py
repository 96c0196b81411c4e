"""The log of changes: who changed which version runs, when and why. Each entry is an MLflow run of the program's."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime

from teleprompt.records import Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient


CHANGE = "teleprompt.change"
STATE = "teleprompt.change_state"
MODEL = "teleprompt.model"
NUMBER = "teleprompt.change_number"
DIGITS = 9
"""Of a number as it is written, for MLflow orders tags as text."""
NEWEST_FIRST = [f"tags.`{NUMBER}` DESC", "attributes.start_time DESC", "attributes.run_id ASC"]
"""By number, whatever the clock said. Entries of an earlier version of the package have none, and come last."""


class Action(StrEnum):
    """What was done."""

    BASELINE = "baseline"
    """The program as written became champion."""
    PROMOTE = "promote"
    """A better version became champion."""
    CHALLENGE = "challenge"
    """A version that passed the gate answers a share of the traffic."""
    RAMP = "ramp"
    """The challenger's share was raised, or taken back; no alias was moved."""
    WITHDRAW = "withdraw"
    """The challenger did not hold, and answers nothing any more."""
    ROLLBACK = "rollback"
    """A version that was champion before is so again."""
    REFUSE = "refuse"
    """A person did not let a version in, or nobody answered in time; nothing was moved."""
    REJECT = "reject"
    """A candidate did not pass the gate; nothing was moved."""
    INCONCLUSIVE = "inconclusive"
    """The gate could not decide on a candidate; nothing was moved."""
    OVERTAKEN = "overtaken"
    """A version was compared with one that is not champion any more, or another is challenger; nothing was moved."""


class ChangeState(StrEnum):
    """How far a change got."""

    OPEN = "open"
    DONE = "done"
    UNDONE = "undone"
    """It failed, and the aliases were put back."""


class Change(Record):
    """An entry of the log."""

    change_id: str
    """Its MLflow run."""
    number: int = 0
    """Its place in the log, from 1; 0 of an entry that an earlier version of the package wrote."""
    model: str
    action: Action
    state: ChangeState
    before: dict[str, int]
    after: dict[str, int]
    """Aliases with their version numbers."""
    who: str
    why: str
    at: AwareDatetime


def list_changes(client: "MlflowClient", name: str, *, limit: int = 1000) -> list[Change]:
    """The log of the registered model `name`, newest first."""
    experiment = internal_experiment(client, experiment_name(name))
    runs = client.search_runs(
        [experiment],
        f"tags.`{CHANGE}` != '' AND tags.`{MODEL}` = {quoted(name)}",
        max_results=limit,
        order_by=NEWEST_FIRST,
    )
    return [_read(run) for run in runs]


def last_number(client: "MlflowClient", name: str) -> int:
    """The number of the newest entry; 0 where there is none yet."""
    return next((change.number for change in list_changes(client, name, limit=1)), 0)


def write_entry(
    client: "MlflowClient",
    name: str,
    action: Action,
    before: dict[str, int],
    after: dict[str, int],
    state: ChangeState,
    *,
    who: str,
    why: str,
) -> Change:
    """Add an entry; whoever does holds the program's lock."""
    experiment = internal_experiment(client, experiment_name(name))
    at = datetime.now(UTC)
    run = client.create_run(
        experiment,
        start_time=round(at.timestamp() * 1000),
        run_name=f"{name} {action} {before.get(CHAMPION, '-')} -> {after.get(CHAMPION, '-')}",
        tags={
            CHANGE: action.value,
            STATE: state.value,
            MODEL: name,
            NUMBER: f"{last_number(client, name) + 1:0{DIGITS}d}",
            "teleprompt.who": who,
            "teleprompt.why": why,
            "teleprompt.before": json.dumps(before, sort_keys=True),
            "teleprompt.after": json.dumps(after, sort_keys=True),
        },
    )
    if state is ChangeState.DONE:
        client.set_terminated(run.info.run_id, "FINISHED")
    return _read(run)


def mark(client: "MlflowClient", change: Change, state: ChangeState) -> None:
    """Say how far the change of an entry got."""
    client.set_tag(change.change_id, STATE, state.value)
    client.set_terminated(change.change_id, "FINISHED" if state is ChangeState.DONE else "FAILED")


def _read(run: Any) -> Change:
    tags = run.data.tags
    return Change(
        change_id=run.info.run_id,
        number=int(tags.get(NUMBER, 0)),
        model=tags[MODEL],
        action=Action(tags[CHANGE]),
        state=ChangeState(tags[STATE]),
        before=json.loads(tags["teleprompt.before"]),
        after=json.loads(tags["teleprompt.after"]),
        who=tags["teleprompt.who"],
        why=tags["teleprompt.why"],
        at=datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC),
    )

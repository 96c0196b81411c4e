"""Which version runs: moving the aliases, and the log of who moved them, when and why.

A change is written down, made, and marked as done, under the program's lock. The alias `champion` is moved last and at
one stroke, so that whoever serves the program always finds one champion. What was written down and never marked was cut
off in the middle: whoever comes next marks it as done if all aliases were moved, and else puts them back.
"""

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime

from include.teleprompt.errors import ConfigurationError, RegistryBusyError
from include.teleprompt.records import Record
from include.teleprompt.registry.lock import Lease, registry_lock
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.tracking.pipeline_run import experiment_name, internal_experiment
from include.teleprompt.window import format_utc

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
ALIASES = (PREVIOUS, CHALLENGER, CHAMPION)
"""In the order in which they are moved."""

CHANGE = "teleprompt.change"
STATE = "teleprompt.change_state"
MODEL = "teleprompt.model"

log = logging.getLogger(__name__)


class Action(StrEnum):
    """What was done."""

    BASELINE = "baseline"
    """The program as written became champion."""
    PROMOTE = "promote"
    """A better version became champion."""
    CHALLENGE = "challenge"
    """A version that passed the gate answers a share of the traffic."""
    WITHDRAW = "withdraw"
    """The challenger did not hold, and answers nothing any more."""
    ROLLBACK = "rollback"
    """A version that was champion before is so again."""
    REFUSE = "refuse"
    """A person did not let a version in, or nobody answered in time; nothing was moved."""
    REJECT = "reject"
    """A candidate did not pass the gate; nothing was moved."""
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
    model: str
    action: Action
    state: ChangeState
    before: dict[str, int]
    after: dict[str, int]
    """Aliases with their version numbers."""
    who: str
    why: str
    at: AwareDatetime


def promote(client: Any, name: str, number: int, *, instead_of: int | None, who: str, why: str) -> Change | None:
    """Make version `number` champion, if the champion is still `instead_of`.

    Otherwise nothing is known of the two of them, and the log says `overtaken`. None if it was promoted before: what
    was done to it since, a rollback perhaps, stands.
    """
    with registry_lock(client, name) as lease:
        before = _repaired_aliases(client, name)
        champion = before.get(CHAMPION)
        if champion == number or _was_done(client, name, Action.PROMOTE, CHAMPION, number):
            return None
        if champion != instead_of:
            return _overtaken(client, name, number, before, instead_of, who=who)
        after = {**before, CHAMPION: number}
        if after.get(CHALLENGER) == number:
            del after[CHALLENGER]
        if champion is not None:
            after[PREVIOUS] = champion
        return _make(client, name, Action.PROMOTE, before, after, lease=lease, who=who, why=why)


def challenge(client: Any, name: str, number: int, *, instead_of: int | None, who: str, why: str) -> Change | None:
    """Make version `number` challenger of the champion `instead_of`; None if it was let in before.

    A challenger that has not been decided on stays, and the log says `overtaken`.
    """
    with registry_lock(client, name) as lease:
        before = _repaired_aliases(client, name)
        if number == before.get(CHAMPION) or _was_done(client, name, Action.CHALLENGE, CHALLENGER, number):
            return None
        if before.get(CHAMPION) != instead_of:
            return _overtaken(client, name, number, before, instead_of, who=who)
        if CHALLENGER in before:
            why = f"version {number} passed the gate while version {before[CHALLENGER]} is challenger and undecided"
            return _note(client, name, Action.OVERTAKEN, before, who=who, why=why)
        return _make(
            client, name, Action.CHALLENGE, before, {**before, CHALLENGER: number}, lease=lease, who=who, why=why
        )


def withdraw(client: Any, name: str, number: int, *, who: str, why: str) -> Change | None:
    """Take the challenger `number` back; None if it is not challenger (any more)."""
    with registry_lock(client, name) as lease:
        before = _repaired_aliases(client, name)
        if before.get(CHALLENGER) != number:
            return None
        after = {alias: version for alias, version in before.items() if alias != CHALLENGER}
        return _make(client, name, Action.WITHDRAW, before, after, lease=lease, who=who, why=why)


def set_baseline(client: Any, name: str, number: int, *, who: str, why: str) -> Change | None:
    """Make the program as written, version `number`, champion; None if it is, or was before and was rolled back."""
    with registry_lock(client, name) as lease:
        before = _repaired_aliases(client, name)
        champion = before.get(CHAMPION)
        if champion == number or (champion is not None and _was_done(client, name, Action.BASELINE, CHAMPION, number)):
            return None
        after = {alias: version for alias, version in before.items() if alias != CHALLENGER} | {CHAMPION: number}
        if champion is not None:
            after[PREVIOUS] = champion
        return _make(client, name, Action.BASELINE, before, after, lease=lease, who=who, why=why)


def rollback(
    client: Any, name: str, *, to: int | None = None, instead_of: int | None = None, who: str, why: str
) -> Change | None:
    """Make a version champion again; None if it is already, or if the champion is not `instead_of` where that is said.

    `to` is the version before the champion unless it is named. Doing it twice changes nothing: after a rollback, the
    way on, or forward again, has to be named.

    Raises:
        ConfigurationError: there is nothing to go back to, or the version never was champion.
    """
    with registry_lock(client, name) as lease:
        before = _repaired_aliases(client, name)
        champion = before.get(CHAMPION)
        if champion is None:
            raise ConfigurationError(f"{name} has no champion yet, so there is nothing to roll back.")
        if instead_of is not None and champion != instead_of:
            return None
        moves = [change for change in list_changes(client, name) if _moved_champion(change)]
        if to is None:
            to = _the_one_before(name, before, moves)
        elif to != champion and not any(to in (c.before.get(CHAMPION), c.after.get(CHAMPION)) for c in moves):
            raise ConfigurationError(
                f"Version {to} of {name} was never champion; `teleprompt versions log` shows which ones were."
            )
        if to == champion:
            return None
        after = {**before, CHAMPION: to, PREVIOUS: champion}
        return _make(client, name, Action.ROLLBACK, before, after, lease=lease, who=who, why=why)


def note(client: Any, name: str, action: Action, *, key: str, who: str, why: str) -> Change:
    """Write down what the run `key` came to though it moved nothing: `REFUSE` or `REJECT`; once."""
    with registry_lock(client, name):
        return _note(client, name, action, _repaired_aliases(client, name), who=who, why=f"{why} (run {key[:12]})")


def list_changes(client: Any, name: str, *, limit: int = 1000) -> list[Change]:
    """The log of the registered model `name`, newest first."""
    experiment = internal_experiment(client, experiment_name(name))
    runs = client.search_runs(
        [experiment],
        f"tags.`{CHANGE}` != '' AND tags.`{MODEL}` = {quoted(name)}",
        max_results=limit,
        order_by=["attributes.start_time DESC", "attributes.run_id"],
    )
    return [_read(run) for run in runs]


def aliases_of(client: Any, name: str) -> dict[str, int]:
    """The aliases of ours that are set, with their version numbers."""
    import mlflow

    try:
        found = client.get_registered_model(name).aliases
    except mlflow.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    return {alias: int(found[alias]) for alias in ALIASES if alias in found}


def _the_one_before(name: str, before: dict[str, int], moves: list[Change]) -> int:
    if moves and moves[0].action is Action.ROLLBACK:
        raise ConfigurationError(
            f"{name} was rolled back to version {before[CHAMPION]} at {format_utc(moves[0].at)} already; "
            "name the version to go to with --to."
        )
    if PREVIOUS not in before:
        raise ConfigurationError(f"{name} has had one champion only, so there is nothing to roll back to.")
    return before[PREVIOUS]


def _moved_champion(change: Change) -> bool:
    return change.state is ChangeState.DONE and change.before.get(CHAMPION) != change.after.get(CHAMPION)


def _was_done(client: Any, name: str, action: Action, alias: str, number: int) -> bool:
    return any(
        change.action is action and change.state is ChangeState.DONE and change.after.get(alias) == number
        for change in list_changes(client, name)
    )


def _overtaken(
    client: Any, name: str, number: int, before: dict[str, int], instead_of: int | None, *, who: str
) -> Change:
    why = (
        f"version {number} was compared with version {instead_of}, and version {before.get(CHAMPION)} became champion "
        "since; a run over a newer window will compare with that"
    )
    log.warning("%s: %s", name, why)
    return _note(client, name, Action.OVERTAKEN, before, who=who, why=why)


def _note(client: Any, name: str, action: Action, aliases: dict[str, int], *, who: str, why: str) -> Change:
    """An entry that moves nothing; the one that is there, if it says the same."""
    for change in list_changes(client, name):
        if change.action is action and change.why == why:
            return change
    return _written(client, name, action, aliases, aliases, ChangeState.DONE, who=who, why=why)


def _repaired_aliases(client: Any, name: str) -> dict[str, int]:
    """The aliases, after what an earlier change left half done is brought to an end."""
    for change in list_changes(client, name):
        if change.state is not ChangeState.OPEN:
            continue
        now = aliases_of(client, name)
        if now == change.after:
            log.warning("%s: the change %s was made and not marked; it is.", name, change.change_id)
            _mark(client, change, ChangeState.DONE)
        elif now.get(CHAMPION) == change.before.get(CHAMPION):
            log.warning("%s: the change %s was cut off in the middle; it is undone.", name, change.change_id)
            _undo(client, name, change)
        else:  # somebody moved the champion by hand since
            log.warning(
                "%s: the change %s was cut off, and the champion moved since; it stays.", name, change.change_id
            )
            _mark(client, change, ChangeState.UNDONE)
    return aliases_of(client, name)


def _make(
    client: Any,
    name: str,
    action: Action,
    before: dict[str, int],
    after: dict[str, int],
    *,
    lease: Lease,
    who: str,
    why: str,
) -> Change:
    change = _written(client, name, action, before, after, ChangeState.OPEN, who=who, why=why)
    try:
        _set_aliases(client, name, after, lease)
    except RegistryBusyError:
        _mark(client, change, ChangeState.UNDONE)  # the aliases are somebody else's now
        raise
    except BaseException:
        _undo(client, name, change)
        raise
    _mark(client, change, ChangeState.DONE)
    log.info("%s: %s, %s -> %s (%s)", name, action, before.get(CHAMPION), after.get(CHAMPION), why)
    return change.model_copy(update={"state": ChangeState.DONE})


def _undo(client: Any, name: str, change: Change) -> None:
    _set_aliases(client, name, change.before)
    _mark(client, change, ChangeState.UNDONE)


def _set_aliases(client: Any, name: str, wanted: dict[str, int], lease: Lease | None = None) -> None:
    now = aliases_of(client, name)
    for alias in ALIASES:
        if lease is not None:
            lease.check()
        if alias in wanted and now.get(alias) != wanted[alias]:
            client.set_registered_model_alias(name, alias, str(wanted[alias]))
        elif alias in now and alias not in wanted:
            client.delete_registered_model_alias(name, alias)


def _written(
    client: Any,
    name: str,
    action: Action,
    before: dict[str, int],
    after: dict[str, int],
    state: ChangeState,
    *,
    who: str,
    why: str,
) -> Change:
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
            "teleprompt.who": who,
            "teleprompt.why": why,
            "teleprompt.before": json.dumps(before, sort_keys=True),
            "teleprompt.after": json.dumps(after, sort_keys=True),
        },
    )
    if state is ChangeState.DONE:
        client.set_terminated(run.info.run_id, "FINISHED")
    return _read(run)


def _mark(client: Any, change: Change, state: ChangeState) -> None:
    client.set_tag(change.change_id, STATE, state.value)
    client.set_terminated(change.change_id, "FINISHED" if state is ChangeState.DONE else "FAILED")


def _read(run: Any) -> Change:
    tags = run.data.tags
    return Change(
        change_id=run.info.run_id,
        model=tags[MODEL],
        action=Action(tags[CHANGE]),
        state=ChangeState(tags[STATE]),
        before=json.loads(tags["teleprompt.before"]),
        after=json.loads(tags["teleprompt.after"]),
        who=tags["teleprompt.who"],
        why=tags["teleprompt.why"],
        at=datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC),
    )

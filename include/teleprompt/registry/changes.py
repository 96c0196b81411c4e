"""Which version runs: promotions, challenges and rollbacks, one at a time.

A change is written down, made, and marked as done, under the program's lock. The alias `champion` is moved last and at
one stroke, so that whoever serves the program always finds one champion. What was written down and never marked was cut
off in the middle: whoever comes next marks it as done if all aliases were moved, and else puts them back.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from teleprompt.encoding.text import storable, visible
from teleprompt.errors import ConfigurationError, LockLostError, RegistryBusyError
from teleprompt.registry.aliases import CHALLENGER, CHAMPION, PAST_SHARES, PREVIOUS, SHARE, aliases_of, set_aliases
from teleprompt.registry.audit_trail import record_changes
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes, mark, write_entry
from teleprompt.registry.lock import Lease, registry_lock
from teleprompt.registry.published import publish_champion, published_name
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)


def promote(
    client: "MlflowClient", name: str, number: int, *, instead_of: int | None, who: str, why: str
) -> Change | None:
    """Make version `number` champion, if the champion is still `instead_of`.

    Otherwise nothing is known of the two of them, and the log says `overtaken`. None if it was promoted before: what
    was done to it since, a rollback perhaps, stands.
    """
    with _changing(client, name) as (before, lease):
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


def challenge(
    client: "MlflowClient", name: str, number: int, *, instead_of: int | None, who: str, why: str
) -> Change | None:
    """Make version `number` challenger of the champion `instead_of`; None if it was let in before.

    A challenger that has not been decided on stays, and the log says `overtaken`.
    """
    with _changing(client, name) as (before, lease):
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


def withdraw(client: "MlflowClient", name: str, number: int, *, who: str, why: str) -> Change | None:
    """Take the challenger `number` back; None if it is not challenger (any more)."""
    with _changing(client, name) as (before, lease):
        if before.get(CHALLENGER) != number:
            return None
        after = {alias: version for alias, version in before.items() if alias != CHALLENGER}
        return _make(client, name, Action.WITHDRAW, before, after, lease=lease, who=who, why=why)


def set_baseline(client: "MlflowClient", name: str, number: int, *, who: str, why: str) -> Change | None:
    """Make the program as written, version `number`, champion; None if it is, or was before and was rolled back."""
    with _changing(client, name) as (before, lease):
        champion = before.get(CHAMPION)
        if champion == number or (champion is not None and _was_done(client, name, Action.BASELINE, CHAMPION, number)):
            return None
        after = {alias: version for alias, version in before.items() if alias != CHALLENGER} | {CHAMPION: number}
        if champion is not None:
            after[PREVIOUS] = champion
        return _make(client, name, Action.BASELINE, before, after, lease=lease, who=who, why=why)


def rollback(
    client: "MlflowClient", name: str, *, to: int | None = None, instead_of: int | None = None, who: str, why: str
) -> Change | None:
    """Make a version champion again; None if it is already, or if the champion is not `instead_of` where that is said.

    `to` is the version before the champion unless it is named. Doing it twice changes nothing: after a rollback, the
    way on, or forward again, has to be named.

    Raises:
        ConfigurationError: there is nothing to go back to, the version never was champion, or `why` is no text that can
            be kept.
    """
    try:
        storable(why)
    except ValueError as error:
        raise ConfigurationError(f"The reason cannot be kept ({error}); write it in other words.") from error
    with _changing(client, name) as (before, lease):
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


def note(client: "MlflowClient", name: str, action: Action, *, key: str, who: str, why: str) -> Change:
    """Write down what the run `key` came to though it moved nothing: `REFUSE` or `REJECT`; once."""
    with _changing(client, name) as (aliases, _):
        return _note(client, name, action, aliases, who=who, why=f"{why} (run {key[:12]})")


@contextmanager
def _changing(client: "MlflowClient", name: str) -> Iterator[tuple[dict[str, int], Lease]]:
    """Holds the program's lock, with its aliases; what was changed, by others too, is published and in the audit trail
    after."""
    with registry_lock(client, name) as lease:
        yield _repaired_aliases(client, name), lease
    try:
        record_changes(client, name)
    except (RegistryBusyError, LockLostError) as error:  # the change stands
        log.warning("%s: the audit trail lacks the last change until the next run or change (%s)", name, error)
    _publish(client, name)


def _publish(client: "MlflowClient", name: str) -> None:
    """The change stands, whatever keeps others from reading it under the specification's name."""
    import mlflow

    try:
        publish_champion(client, name)
    except (RegistryBusyError, LockLostError, mlflow.MlflowException) as error:
        log.warning("%s is not up to date until the next change of %s (%s)", published_name(name), name, error)


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


def _was_done(client: "MlflowClient", name: str, action: Action, alias: str, number: int) -> bool:
    return any(
        change.action is action and change.state is ChangeState.DONE and change.after.get(alias) == number
        for change in list_changes(client, name)
    )


def _overtaken(
    client: "MlflowClient", name: str, number: int, before: dict[str, int], instead_of: int | None, *, who: str
) -> Change:
    why = (
        f"version {number} was compared with version {instead_of}, and version {before.get(CHAMPION)} became champion "
        "since; a run over a newer window will compare with that"
    )
    log.warning("%s: %s", name, visible(why))
    return _note(client, name, Action.OVERTAKEN, before, who=who, why=why)


def ramp(
    client: "MlflowClient", name: str, number: int, *, share: float, at: datetime, who: str, why: str
) -> Change | None:
    """Let the challenger `number` answer another share of the keys from then on; None if it is not challenger any more.

    The share until then is kept at the version, for calls that do not say what it was.
    """
    with _changing(client, name) as (before, lease):
        if before.get(CHALLENGER) != number:
            return None
        lease.check()
        tags = client.get_model_version(name, str(number)).tags
        past = [*json.loads(tags.get(PAST_SHARES, "[]")), [format_utc(at), float(tags[SHARE])]]
        client.set_model_version_tag(name, str(number), PAST_SHARES, json.dumps(past))
        client.set_model_version_tag(name, str(number), SHARE, str(share))
        return _note(client, name, Action.RAMP, before, who=who, why=why)


def _note(client: "MlflowClient", name: str, action: Action, aliases: dict[str, int], *, who: str, why: str) -> Change:
    """An entry that moves nothing; the one that is there, if it says the same."""
    for change in list_changes(client, name):
        if change.action is action and change.why == why:
            return change
    return write_entry(client, name, action, aliases, aliases, ChangeState.DONE, who=who, why=why)


def _repaired_aliases(client: "MlflowClient", name: str) -> dict[str, int]:
    """The aliases, after what an earlier change left half done is brought to an end."""
    for change in list_changes(client, name):
        if change.state is not ChangeState.OPEN:
            continue
        now = aliases_of(client, name)
        if now == change.after:
            log.warning("%s: the change %s was made and not marked; it is.", name, change.change_id)
            mark(client, change, ChangeState.DONE)
        elif now.get(CHAMPION) == change.before.get(CHAMPION):
            log.warning("%s: the change %s was cut off in the middle; it is undone.", name, change.change_id)
            _undo(client, name, change)
        else:  # somebody moved the champion by hand since
            log.warning(
                "%s: the change %s was cut off, and the champion moved since; it stays.", name, change.change_id
            )
            mark(client, change, ChangeState.UNDONE)
    return aliases_of(client, name)


def _make(
    client: "MlflowClient",
    name: str,
    action: Action,
    before: dict[str, int],
    after: dict[str, int],
    *,
    lease: Lease,
    who: str,
    why: str,
) -> Change:
    change = write_entry(client, name, action, before, after, ChangeState.OPEN, who=who, why=why)
    try:
        set_aliases(client, name, after, lease)
    except LockLostError:
        mark(client, change, ChangeState.UNDONE)  # the aliases are somebody else's now
        raise
    except BaseException:
        _undo(client, name, change)
        raise
    mark(client, change, ChangeState.DONE)
    log.info("%s: %s, %s -> %s (%s)", name, action, before.get(CHAMPION), after.get(CHAMPION), visible(why))
    return change.model_copy(update={"state": ChangeState.DONE})


def _undo(client: "MlflowClient", name: str, change: Change) -> None:
    set_aliases(client, name, change.before)
    mark(client, change, ChangeState.UNDONE)

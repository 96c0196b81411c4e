"""Who runs: promotions, rollbacks and their log, against a real MLflow registry; crashes and races included."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import mlflow
import pytest

from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.errors import ConfigurationError, LockLostError, RegistryBusyError
from teleprompt.registry import lock
from teleprompt.registry.aliases import aliases_of
from teleprompt.registry.audit_trail import find_gaps, read_trail
from teleprompt.registry.change_log import Action, ChangeState, list_changes
from teleprompt.registry.changes import challenge, note, promote, rollback, set_baseline, withdraw
from teleprompt.registry.lock import lock_name, registry_lock
from teleprompt.tracking.connection import mlflow_client

BY = {"who": "test", "why": "because"}


@pytest.fixture
def client(settings: Settings):
    """A registry with four versions of P; the first is champion."""
    with mlflow_client(settings.tracking_uri) as client:
        client.create_registered_model("P")
        for _ in range(4):
            client.create_model_version("P", "file:///nowhere")
        set_baseline(client, "P", 1, **BY)
        yield client


def test_a_promotion_moves_the_aliases_once_and_is_written_down(client) -> None:
    change = promote(client, "P", 2, instead_of=1, **BY)
    assert (change.action, change.state, change.who, change.why) == (
        Action.PROMOTE,
        ChangeState.DONE,
        "test",
        "because",
    )
    assert aliases_of(client, "P") == {"champion": 2, "previous": 1} == change.after
    assert promote(client, "P", 2, instead_of=1, **BY) is None
    assert [c.action for c in list_changes(client, "P")] == [Action.PROMOTE, Action.BASELINE]


class Clock(datetime):
    """A clock that people put."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def put_clock(monkeypatch: pytest.MonkeyPatch):
    """Puts the clock of whoever writes into the log."""
    monkeypatch.setattr(Clock, "ahead", timedelta())
    monkeypatch.setattr("teleprompt.registry.change_log.datetime", Clock)
    return lambda **ahead: setattr(Clock, "ahead", timedelta(**ahead))


def test_a_rollback_after_the_clock_was_put_back_goes_to_the_version_before(client, put_clock) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    rollback(client, "P", **BY)
    put_clock(days=-2)
    promote(client, "P", 3, instead_of=1, **BY)
    assert rollback(client, "P", **BY).after == {"champion": 1, "previous": 3}


def test_a_second_rollback_after_the_clock_was_put_back_is_still_a_second_one(client, put_clock) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    put_clock(days=-2)
    rollback(client, "P", **BY)
    with pytest.raises(ConfigurationError, match="already"):
        rollback(client, "P", **BY)
    assert aliases_of(client, "P") == {"champion": 1, "previous": 2}


def test_the_log_is_in_the_order_of_the_changes_whatever_the_clock_says(client, put_clock) -> None:
    for days, number in ((-2, 2), (5, 3), (-400, 4)):
        put_clock(days=days)
        promote(client, "P", number, instead_of=number - 1, **BY)
    changes = list_changes(client, "P")
    assert [change.after["champion"] for change in changes] == [4, 3, 2, 1]
    assert [change.number for change in changes] == [4, 3, 2, 1]
    assert [change.after["champion"] for change in list_changes(client, "P", limit=1)] == [4]
    trail = read_trail(client, "P")
    assert [entry.after["champion"] for entry in trail] == [1, 2, 3, 4]
    assert find_gaps(client, "P", trail) == []


def test_a_log_that_an_earlier_version_of_the_package_began_goes_on(client) -> None:
    """Its entries have no number; they stay in the order of their times, before all that are numbered."""
    for number in (2, 3):
        promote(client, "P", number, instead_of=number - 1, **BY)
    for change in list_changes(client, "P"):
        client.delete_tag(change.change_id, "teleprompt.change_number")
    promote(client, "P", 4, instead_of=3, **BY)
    rollback(client, "P", **BY)
    assert [(change.number, change.after["champion"]) for change in list_changes(client, "P")] == [
        (2, 3), (1, 4), (0, 3), (0, 2), (0, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("why", ["a\0b", "\ud800"], ids=ascii)
def test_a_reason_that_no_database_takes_is_refused_before_anything_moves(client, why: str) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    with pytest.raises(ConfigurationError, match="reason cannot be kept"):
        rollback(client, "P", who="test", why=why)
    assert aliases_of(client, "P")["champion"] == 2


def test_a_lock_of_a_clock_that_was_put_back_is_taken_away_after_a_lease(client, monkeypatch) -> None:
    monkeypatch.setattr(lock, "LEASE", timedelta(seconds=0.5))
    until = datetime.now(UTC) + timedelta(days=2)
    client.create_registered_model(lock_name("P"), tags={"holder": "dead", "until": until.isoformat()})
    with registry_lock(client, "P") as lease:
        lease.check()


def test_who_compared_with_a_champion_of_the_past_does_not_replace_the_new_one(client) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    for _ in range(2):
        assert promote(client, "P", 3, instead_of=1, **BY).action is Action.OVERTAKEN
    assert aliases_of(client, "P")["champion"] == 2
    assert [c.action for c in list_changes(client, "P")].count(Action.OVERTAKEN) == 1


def test_a_rollback_goes_one_step_back_and_twice_is_once(client) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    promote(client, "P", 3, instead_of=2, **BY)
    assert rollback(client, "P", **BY).after == {"champion": 2, "previous": 3}
    with pytest.raises(ConfigurationError, match=r"was rolled back to version 2 .* already; .*--to"):
        rollback(client, "P", **BY)
    assert aliases_of(client, "P") == {"champion": 2, "previous": 3}


def test_forward_again_and_further_back_by_name(client) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    rollback(client, "P", **BY)
    assert rollback(client, "P", to=2, **BY).after == {"champion": 2, "previous": 1}
    assert rollback(client, "P", to=2, **BY) is None
    with pytest.raises(ConfigurationError, match="Version 4 of P was never champion"):
        rollback(client, "P", to=4, **BY)


def test_an_automatic_rollback_of_what_is_not_champion_any_more_does_nothing(client) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    promote(client, "P", 3, instead_of=2, **BY)
    assert rollback(client, "P", to=1, instead_of=2, **BY) is None
    assert aliases_of(client, "P")["champion"] == 3


def test_nothing_to_roll_back_to(client) -> None:
    with pytest.raises(ConfigurationError, match="one champion only"):
        rollback(client, "P", **BY)
    with pytest.raises(ConfigurationError, match="no champion yet"):
        rollback(client, "Q", **BY)


def test_a_challenger_comes_and_goes(client) -> None:
    challenge(client, "P", 2, instead_of=1, **BY)
    assert challenge(client, "P", 2, instead_of=1, **BY) is None
    assert challenge(client, "P", 3, instead_of=1, **BY).action is Action.OVERTAKEN  # the first is not decided yet
    assert aliases_of(client, "P") == {"champion": 1, "challenger": 2}
    withdraw(client, "P", 2, **BY)
    assert withdraw(client, "P", 2, **BY) is None
    assert aliases_of(client, "P") == {"champion": 1}
    assert challenge(client, "P", 2, instead_of=1, **BY) is None  # it had its time
    challenge(client, "P", 3, instead_of=1, **BY)
    promote(client, "P", 3, instead_of=1, **BY)
    assert aliases_of(client, "P") == {"champion": 3, "previous": 1}


def test_a_refusal_is_written_down_once_and_moves_nothing(client) -> None:
    for _ in range(2):
        assert note(client, "P", Action.REFUSE, key="a" * 64, **BY).action is Action.REFUSE
    assert [c.action for c in list_changes(client, "P")] == [Action.REFUSE, Action.BASELINE]
    assert aliases_of(client, "P") == {"champion": 1}


def test_a_promotion_that_fails_in_the_middle_puts_all_back(client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_alias = client.set_registered_model_alias

    def fails(name: str, alias: str, version: str) -> None:
        if alias == "champion" and version == "2":
            raise mlflow.MlflowException("the disk is full")
        set_alias(name, alias, version)

    monkeypatch.setattr(client, "set_registered_model_alias", fails)
    with pytest.raises(mlflow.MlflowException, match="the disk is full"):
        promote(client, "P", 2, instead_of=1, **BY)
    assert aliases_of(client, "P") == {"champion": 1}
    assert [c.state for c in list_changes(client, "P")] == [ChangeState.UNDONE, ChangeState.DONE]
    monkeypatch.undo()
    assert promote(client, "P", 2, instead_of=1, **BY).after["champion"] == 2


def die_in_the_middle(tracking_uri: str, moved: bool) -> None:
    """Killed just before the champion is moved, or just after."""
    configure_third_party()
    with mlflow_client(tracking_uri) as client:
        set_alias = client.set_registered_model_alias

        def dies(name: str, alias: str, version: str) -> None:
            if alias == "champion" and not moved:
                os.kill(os.getpid(), signal.SIGKILL)
            set_alias(name, alias, version)
            if alias == "champion":
                os.kill(os.getpid(), signal.SIGKILL)

        client.set_registered_model_alias = dies
        promote(client, "P", 3, instead_of=2, **BY)


def killed(client, settings: Settings, *, moved: bool) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=die_in_the_middle, args=(settings.tracking_uri.get_secret_value(), moved)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    client.set_registered_model_tag(lock_name("P"), lock.UNTIL, "2026-01-01T00:00:00+00:00")  # two minutes later


def test_a_change_that_was_made_and_not_marked_holds(client, settings: Settings) -> None:
    """An operator's rollback must not be undone by the next run because the network went away at its end."""
    promote(client, "P", 2, instead_of=1, **BY)
    killed(client, settings, moved=True)
    assert aliases_of(client, "P") == {"champion": 3, "previous": 2}
    assert rollback(client, "P", **BY).after == {"champion": 2, "previous": 3}


def test_who_lost_the_lock_moves_nothing_more(client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_alias = client.set_registered_model_alias

    def slow(name: str, alias: str, version: str) -> None:
        set_alias(name, alias, version)
        client.set_registered_model_tag(lock_name("P"), lock.HOLDER, "somebody else")

    monkeypatch.setattr(client, "set_registered_model_alias", slow)
    with pytest.raises(LockLostError, match="another process took over"):
        promote(client, "P", 2, instead_of=1, **BY)
    assert aliases_of(client, "P")["champion"] == 1


def test_what_was_rolled_back_is_not_promoted_by_a_task_that_is_tried_again(client) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    rollback(client, "P", **BY)
    assert promote(client, "P", 2, instead_of=1, **BY) is None
    assert aliases_of(client, "P")["champion"] == 1


def test_what_a_killed_process_left_half_done_is_undone_by_the_next(client, settings: Settings) -> None:
    promote(client, "P", 2, instead_of=1, **BY)
    killed(client, settings, moved=False)
    assert aliases_of(client, "P") == {"champion": 2, "previous": 2}  # whoever serves is served
    assert promote(client, "P", 4, instead_of=2, **BY).after == {"champion": 4, "previous": 2}
    assert [(c.state, c.after["champion"]) for c in list_changes(client, "P")][:2] == [
        (ChangeState.DONE, 4),
        (ChangeState.UNDONE, 3),
    ]


def end_of_a_run(tracking_uri: str, number: int, results) -> None:
    configure_third_party()
    with mlflow_client(tracking_uri) as client:
        results.put((number, promote(client, "P", number, instead_of=1, **BY).action))


@pytest.mark.slow
def test_of_runs_that_end_at_once_one_wins_and_the_log_says_so(client, settings: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    runs = [
        context.Process(target=end_of_a_run, args=(settings.tracking_uri.get_secret_value(), n, results))
        for n in (2, 3, 4)
    ]
    for run in runs:
        run.start()
    actions = dict(results.get(timeout=60) for _ in runs)
    for run in runs:
        run.join()
    (winner,) = [number for number, action in actions.items() if action is Action.PROMOTE]
    assert sorted(actions.values()) == [Action.OVERTAKEN, Action.OVERTAKEN, Action.PROMOTE]
    assert aliases_of(client, "P") == {"champion": winner, "previous": 1}
    assert sorted(c.action for c in list_changes(client, "P"))[:3] == ["baseline", "overtaken", "overtaken"]
    with pytest.raises(mlflow.MlflowException):
        client.get_registered_model(lock_name("P"))


def test_changes_are_made_one_at_a_time(client) -> None:
    inside: list[int] = []

    def enter(_: int) -> int:
        with registry_lock(client, "P"):
            inside.append(1)
            many = len(inside)
            inside.pop()
            return many

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(enter, range(12))) == {1}


def test_a_lock_whose_taking_was_asked_for_twice_is_taken(client, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client repeats a request whose answer was lost; the repeated one finds the lock there."""
    create = client.create_registered_model

    def twice(name: str, **more: object) -> None:
        create(name, **more)
        create(name, **more)

    monkeypatch.setattr(client, "create_registered_model", twice)
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 1)
    with registry_lock(client, "P") as lease:
        lease.check()


def test_a_lock_that_is_held_too_long_is_an_error_that_names_it(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.3)
    with (
        registry_lock(client, "P"),
        pytest.raises(RegistryBusyError, match="'teleprompt-lock-P'"),
        registry_lock(client, "P"),
    ):
        pass

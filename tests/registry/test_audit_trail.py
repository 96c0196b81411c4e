"""Who did what, in a chain that shows what was changed, taken out or cut off."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.registry.audit_trail import (
    ENTRY,
    NUMBER,
    AuditAction,
    AuditEvent,
    append,
    find_departures,
    find_gaps,
    read_trail,
    record_changes,
)
from teleprompt.registry.change_log import Action, ChangeState, write_entry
from teleprompt.registry.configuration_log import record_configuration
from teleprompt.tracking.connection import mlflow_client

NAME = "Shelves"


@pytest.fixture
def client(settings: Settings) -> Any:
    with mlflow_client(settings.tracking_uri) as own:
        yield own


def runs(client: Any) -> dict[int, Any]:
    experiment = client.get_experiment_by_name("teleprompt/Shelves/audit")
    return {int(run.data.tags[NUMBER]): run for run in client.search_runs([experiment.experiment_id])}


def gaps(client: Any) -> list[str]:
    return find_gaps(client, NAME, read_trail(client, NAME))


def three(client: Any) -> None:
    for number in range(3):
        append(
            client, NAME, AuditEvent(deed=AuditAction.RUN, who="ann", about=f"run {number}", after={"window": number})
        )


def test_entries_are_numbered_chained_and_written_once(client: Any) -> None:
    assert (read_trail(client, NAME), gaps(client)) == ([], [])
    three(client)
    append(client, NAME, AuditEvent(deed=AuditAction.RUN, who="bob", about="run 1"))
    trail = read_trail(client, NAME)
    assert [(entry.number, entry.who, entry.after) for entry in trail] == [
        (number, "ann", {"window": number - 1}) for number in (1, 2, 3)
    ]
    assert [entry.previous for entry in trail] == [None, trail[0].digest, trail[1].digest]
    assert gaps(client) == []


def test_those_who_write_at_once_all_get_a_number(client: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda n: append(client, NAME, AuditEvent(deed=AuditAction.RUN, who="x", about=str(n))), range(6))
        )
    assert [entry.number for entry in read_trail(client, NAME)] == [1, 2, 3, 4, 5, 6]
    assert gaps(client) == []


def change(client: Any) -> None:
    run = runs(client)[2]
    client.set_tag(run.info.run_id, ENTRY, run.data.tags[ENTRY].replace("ann", "eve"))


def garble(client: Any) -> None:
    client.set_tag(runs(client)[2].info.run_id, ENTRY, "{")


def delete(number: int) -> Any:
    return lambda client: client.delete_run(runs(client)[number].info.run_id)


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (change, "entry 2 was changed"),
        (garble, "entry 2 is missing or not readable; the next one is 3"),
        (delete(1), "entry 1 is missing"),
        (delete(2), "entry 2 is missing"),
        (delete(3), "but its head says 3"),
    ],
)
def test_what_was_tampered_with_shows(client: Any, tamper: Any, problem: str) -> None:
    three(client)
    tamper(client)
    assert problem in gaps(client)[0]
    append(client, NAME, AuditEvent(deed=AuditAction.RUN, who="ann", about="the next"))
    assert gaps(client) != []  # it is not healed by going on


def test_changes_of_versions_that_a_dead_process_left_out_are_added(client: Any) -> None:
    before, after = {"champion": 1}, {"champion": 2, "previous": 1}
    write_entry(client, NAME, Action.PROMOTE, before, after, ChangeState.DONE, who="airflow run", why="+3 points")
    write_entry(client, NAME, Action.ROLLBACK, after, before, ChangeState.OPEN, who="ann", why="cut off")
    assert gaps(client) == ["1 changes of versions are not in it; the next run adds them"]
    record_changes(client, NAME)
    record_changes(client, NAME)
    (entry,) = read_trail(client, NAME)
    assert (entry.deed, entry.who, entry.before) == (Action.PROMOTE, "airflow run", before)
    assert entry.after == {**after, "why": "+3 points"}
    assert gaps(client) == []


def test_a_configuration_is_written_down_when_it_changes_with_what_it_was(client: Any) -> None:
    def ran(about: str, **changes: Any) -> None:
        config = ProgramConfig.model_validate({"name": NAME, "slug": "shelves", **changes})
        models = {"lm": {"model": "offline/nearest-demo"}}
        record_configuration(client, config, code="a" * 64, models=models, who="run", about=about)

    ran("1")
    ran("2")
    ran("3", optimization={"min_traces": 50}, alerts={"rules": [{"events": ["failure"]}]})
    ran("4", optimization={"min_traces": 50})
    ran("5")
    entries = read_trail(client, NAME)
    assert [(entry.about.split()[0], entry.before, sorted(entry.after)) for entry in entries[1:]] == [
        ("3", {"alerts.rules": None, "optimization.min_traces": None}, ["alerts.rules", "optimization.min_traces"]),
        ("4", {"alerts.rules": [{"events": ["failure"]}]}, ["alerts.rules"]),
        ("5", {"optimization.min_traces": 50}, ["optimization.min_traces"]),
    ]


def test_more_than_a_tag_holds_is_kept_by_its_digest(client: Any) -> None:
    append(
        client,
        NAME,
        AuditEvent(deed=AuditAction.CONFIGURE, who="x", about="x", after={"text": "x" * 10_000, "number": 3}),
    )
    (entry,) = read_trail(client, NAME)
    assert (set(entry.after["text"]), entry.after["number"]) == ({"sha256"}, 3)
    assert gaps(client) == []


def test_a_long_configuration_is_kept_key_by_key_and_written_down_once(client: Any) -> None:
    rules = [{"events": ["failure"], "arguments": {"to": f"ops-{n}@example.org"}} for n in range(50)]
    own = {"name": NAME, "slug": "shelves", "description": "x" * 5000, "alerts": {"rules": rules}}
    for about, changes in (
        ("1", {}),
        ("2", {}),
        ("3", {"description": "y" * 5000}),
        ("4", {"description": "y" * 5000}),
    ):
        config = ProgramConfig.model_validate({**own, **changes})
        record_configuration(client, config, code="a" * 64, models={}, who="run", about=about)
    *first, last = read_trail(client, NAME)
    assert {entry.about.split()[0] for entry in first} == {"1"}
    assert (last.about.split()[0], set(last.after), set(last.after["description"])) == (
        "3",
        {"description"},
        {"sha256"},
    )


def test_a_run_that_is_cleared_may_find_another_configuration(client: Any) -> None:
    for seed in (0, 1):
        config = ProgramConfig.model_validate({"name": NAME, "slug": "shelves", "split": {"seed": seed}})
        record_configuration(client, config, code="a" * 64, models={}, who="run", about="the same run")
    assert read_trail(client, NAME)[-1].after == {"split.seed": 1}


def test_an_entry_that_mlflow_was_asked_for_twice_is_one(client: Any) -> None:
    three(client)
    run = runs(client)[2]
    tags = {NUMBER: "2", ENTRY: run.data.tags[ENTRY]}
    client.create_run(run.info.experiment_id, tags=tags)
    assert gaps(client) == []


def test_a_process_that_died_before_it_moved_the_head_leaves_no_gap(client: Any) -> None:
    three(client)
    experiment = client.get_experiment_by_name("teleprompt/Shelves/audit")
    second = read_trail(client, NAME)[1]
    client.set_experiment_tag(experiment.experiment_id, "teleprompt.audit_head", f"2 {second.digest}")
    assert gaps(client) == []
    append(client, NAME, AuditEvent(deed=AuditAction.RUN, who="ann", about="run 4"))
    assert ([entry.number for entry in read_trail(client, NAME)], gaps(client)) == ([1, 2, 3, 4], [])


def test_a_later_trail_begins_with_the_earlier_export(client: Any) -> None:
    three(client)
    exported = read_trail(client, NAME)
    append(client, NAME, AuditEvent(deed=AuditAction.RUN, who="ann", about="run 4"))
    assert find_departures(read_trail(client, NAME), exported) == []
    forged = [entry.model_copy(update={"digest": "0" * 64}) if entry.number == 2 else entry for entry in exported[:2]]
    assert find_departures(forged, exported) == [
        "entry 2 of the export is another one now",
        "entry 3 of the export is missing now",
    ]

"""From program files to DAGs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction

from teleprompt_airflow.dags.program import program_dags
from tests import REPOSITORY
from tests.support import write_program

TASKS = {
    "wait_for_traces", "collect", "power", "baseline", "compile", "select", "gate", "deltaone", "register", "attest",
    "keep_champion", "conclude", "trial",
}  # fmt: skip


def dags(folder: Path) -> dict:
    return {dag.dag_id: dag for dag in program_dags(folder)}


def test_the_example_programs_are_dags_that_airflow_can_store() -> None:
    found = dags(REPOSITORY / "include/programs")
    programs = {"teleprompt_email_draft", "teleprompt_lead_priority", "teleprompt_ticket_triage"}
    assert set(found) == programs | {f"{program}.watch" for program in programs}
    for dag_id, dag in found.items():
        tasks = TASKS if dag_id in programs else {"watch"}
        assert set(dag.task_ids) == tasks
        restored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        assert set(restored.task_ids) == tasks


def test_approval_stands_between_gate_and_promotion(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\napproval: {timeout_hours: 5}\n")
    dag = dags(tmp_path)["teleprompt_shelves"]
    assert set(dag.task_ids) == TASKS | {"approval"}
    assert dag.task_dict["deltaone"].downstream_task_ids == {"approval", "keep_champion"}
    assert "approval" in dag.task_dict["register"].upstream_task_ids
    restored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert set(restored.task_ids) == set(dag.task_ids)


def test_a_version_that_has_to_prove_itself_is_attested_by_the_watch(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\nrollout: {share: 0.1}\n")
    assert set(dags(tmp_path)["teleprompt_shelves"].task_ids) == TASKS - {"attest"}


@pytest.mark.parametrize("rollout", [False, True])
def test_an_attestation_is_handed_in_after_it_was_made_one_at_a_time(tmp_path: Path, rollout: bool) -> None:
    chain = {"adapter": "eas", "chain_id": 1, "contract": "0x" + "1" * 40, "schema_registry": "0x" + "2" * 40}
    rolled_out = "rollout: {share: 0.1}\n" if rollout else ""
    write_program(tmp_path, yaml=f"name: S\n{rolled_out}chain: {json.dumps(chain)}\n")
    found = dags(tmp_path)
    own, other = ("teleprompt_shelves.watch", "teleprompt_shelves")[:: 1 if rollout else -1]
    task = found[own].get_task("submit")
    assert task.upstream_task_ids == {"watch" if rollout else "attest"}
    assert (task.pool, shipped_pools()[task.pool]) == ("teleprompt_chain", 1)
    assert not found[other].has_task("submit")


def test_the_tasks_that_sign_wait_in_the_signers_queue_if_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = {"adapter": "eas", "chain_id": 1, "contract": "0x" + "1" * 40, "schema_registry": "0x" + "2" * 40}
    write_program(tmp_path, yaml=f"name: S\nchain: {json.dumps(chain)}\n")

    def queues() -> dict[str, str]:
        return {task.task_id: task.queue for dag in dags(tmp_path).values() for task in dag.tasks}

    assert set(queues().values()) == {"default"}
    monkeypatch.setenv("TELEPROMPT_SIGNER_QUEUE", "signer")
    assert {task for task, queue in queues().items() if queue == "signer"} == {"attest", "submit", "watch"}


def shipped_pools() -> dict[str, int]:
    """Slots by pool, of a local Airflow."""
    settings = yaml.safe_load((REPOSITORY / "airflow_settings.yaml").read_text())
    return {pool["pool_name"]: pool["pool_slot"] for pool in settings["airflow"]["pools"]}


def test_a_program_need_not_be_watched(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\nwatch: {enabled: false}\n")
    assert set(dags(tmp_path)) == {"teleprompt_shelves"}


def test_parsing_again_gives_the_same_dag() -> None:
    folder = REPOSITORY / "include/programs"
    once, again = ({i: DagSerialization.to_dict(d) for i, d in dags(folder).items()} for _ in range(2))
    assert once == again


def test_the_order_of_the_stages() -> None:
    dag = dags(REPOSITORY / "include/programs")["teleprompt_email_draft"]
    assert dag.task_dict["wait_for_traces"].downstream_task_ids >= {"collect", "baseline"}
    assert dag.task_dict["gate"].upstream_task_ids == {"collect", "baseline", "select", "trial", "wait_for_traces"}
    assert dag.task_dict["trial"].downstream_task_ids == {"power", "gate"}
    assert dag.task_dict["deltaone"].downstream_task_ids == {"register", "keep_champion"}
    assert {t.pool for t in dag.tasks if t.task_id in {"compile", "select", "gate"}} == {"teleprompt"}


def test_random_search_is_one_mapped_task_per_seed() -> None:
    dag = dags(REPOSITORY / "include/programs")["teleprompt_ticket_triage"]
    assert dag.task_dict["compile"].expand_input.value == {"seed": [-3, -2, -1, 0, 1, 2]}


def test_a_schedule_gives_intervals_that_touch(tmp_path: Path) -> None:
    import pendulum

    write_program(tmp_path, yaml="name: S\nschedule: weekly\n")
    serialized = DagSerialization.to_dict(dags(tmp_path)["teleprompt_shelves"])
    timetable = DagSerialization.from_dict(serialized).timetable
    last = DataInterval(start=pendulum.datetime(2026, 3, 2), end=pendulum.datetime(2026, 3, 9))
    following = timetable.next_dagrun_info(
        last_automated_data_interval=last,
        restriction=TimeRestriction(earliest=None, latest=None, catchup=True),
    )
    assert following.data_interval == DataInterval(start=last.end, end=pendulum.datetime(2026, 3, 16))


def test_an_asset_can_start_a_run_beside_the_schedule_and_a_watcher_announces(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\nschedule: none\nnew_traces: 2000\n")
    asset = dags(tmp_path)["teleprompt_shelves"].timetable.asset_condition
    (asset,) = getattr(asset, "objects", [asset])
    assert asset.uri == "teleprompt://traces/shelves"
    (watcher,) = asset.watchers
    assert (watcher.trigger.program, watcher.trigger.enough, watcher.trigger.least) == ("shelves", 2000, 1000)


def test_new_traces_wake_the_watch_of_a_rollout_too(tmp_path: Path) -> None:
    """Both DAGs name the asset with the same watcher, as Airflow keeps one asset of a name."""
    write_program(tmp_path, yaml="name: S\nnew_traces: 2000\nrollout: {share: 0.1}\n")
    found = dags(tmp_path)
    conditions = [
        found[dag_id].timetable.asset_condition for dag_id in ("teleprompt_shelves", "teleprompt_shelves.watch")
    ]
    (own,), (watched,) = (condition.objects for condition in conditions)
    assert (own.uri, watched.uri) == ("teleprompt://traces/shelves",) * 2
    assert own.watchers[0].trigger.serialize() == watched.watchers[0].trigger.serialize()


def test_a_watch_without_a_rollout_keeps_to_its_times(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\nnew_traces: 2000\n")
    assert not dags(tmp_path)["teleprompt_shelves.watch"].timetable.asset_condition


def test_programs_that_come_first_start_a_run_or_are_waited_for(tmp_path: Path) -> None:
    write_program(tmp_path)
    for slug, schedule in (("after", "none"), ("beside", "weekly")):
        own = f"name: {slug}\nschedule: {schedule}\nscheduling: {{depends_on: [shelves]}}\n"
        write_program(tmp_path, slug, yaml=own)
    found = dags(tmp_path)
    (announced,) = found["teleprompt_shelves"].task_dict["conclude"].outlets
    traces, first = found["teleprompt_after"].timetable.asset_condition.objects
    assert (traces.uri, *first.objects) == ("teleprompt://traces/after", announced)
    for dag in (found["teleprompt_after"], found["teleprompt_beside"]):
        waiting = dag.task_dict["wait_for_programs"]
        assert (waiting.inlets, waiting.downstream_task_ids) == ([announced], {"wait_for_traces"})
        DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))


def test_a_program_says_where_it_stands_in_the_queue(tmp_path: Path) -> None:
    write_program(tmp_path, yaml="name: S\nscheduling: {priority: 7, pool: gpu}\n")
    dag = dags(tmp_path)["teleprompt_shelves"]
    assert {task.priority_weight for task in dag.tasks} == {7}
    assert {task.task_id for task in dag.tasks if task.pool == "gpu"} == {"compile", "select", "gate"}


def test_a_run_is_concluded_unless_a_task_failed() -> None:
    dag = dags(REPOSITORY / "include/programs")["teleprompt_email_draft"]
    conclude = dag.task_dict["conclude"]
    assert conclude.upstream_task_ids == {"wait_for_traces", "keep_champion", "attest"}
    assert conclude.trigger_rule == "none_failed"


@pytest.mark.parametrize(
    ("name", "yaml", "code", "problem"),
    [
        ("typo", "name: T\nschedul: daily\n", None, "typo.yaml:2: `schedul`: unknown key"),
        ("type", "name: T\noptimization: {min_traces: lots}\n", None, "`optimization.min_traces`"),
        ("date", "name: T\nstart_date: 2025-13-45\n", None, "cannot be read"),
        ("huge", "name: T\nmax_wait_days: .inf\n", None, "`max_wait_days`"),
        ("entry", "name: T\nentry_point: entry:nothing\n", None, "defines no 'nothing'"),
        ("missing", "name: T\nentry_point: elsewhere:build\n", None, "there is no elsewhere.py"),
        ("syntax", "name: T\n", "def build(:\n", "not valid Python"),
        ("imports", "name: T\n", "import not_there\ndef build(): ...\n", "imports 'not_there', which is not installed"),
        ("two words", "name: T\n", None, "rename it"),
        ("alone", "name: T\nscheduling: {depends_on: [nobody]}\n", None, "there is no program 'nobody'"),
    ],
)
def test_a_bad_program_is_a_dag_that_says_so_and_hides_no_other(
    tmp_path: Path, name: str, yaml: str, code: str | None, problem: str
) -> None:
    write_program(tmp_path)
    write_program(tmp_path, name, yaml=yaml, **({"code": code} if code else {}))
    found = dags(tmp_path)
    assert set(found["teleprompt_shelves"].task_ids) == TASKS
    bad = found[f"teleprompt_{name.replace(' ', '_')}"]
    assert bad.task_ids == ["invalid_program"]
    assert problem in bad.description
    assert problem in bad.doc_md
    assert "invalid" in bad.tags


def test_a_directory_as_code_and_twins_hide_nothing(tmp_path: Path) -> None:
    write_program(tmp_path)
    (tmp_path / "folder.yaml").write_text("name: F\n")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "shelves.yml").write_text("name: Twin\n")
    found = dags(tmp_path)
    assert set(found) == {
        "teleprompt_shelves",
        "teleprompt_shelves.watch",
        "teleprompt_shelves.yml",
        "teleprompt_folder",
    }
    assert set(found["teleprompt_shelves"].task_ids) == TASKS


@pytest.mark.slow
def test_two_hundred_programs_are_parsed_without_dspy_mlflow_or_web3(tmp_path: Path) -> None:
    for i in range(200):
        write_program(tmp_path, f"program_{i:03}", yaml=f"name: Program {i}\n")
    code = (
        "import sys; from airflow.dag_processing.dagbag import DagBag; "
        f"bag = DagBag({str(REPOSITORY / 'dags')!r}); assert not bag.import_errors, bag.import_errors; "
        "heavy = [m for m in ('dspy', 'mlflow', 'web3', 'pandas', 'pyarrow', 'scipy', 'litellm') if m in sys.modules]; "
        "print(len(bag.dags), heavy)"
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "TELEPROMPT_PROGRAMS_DIR": str(tmp_path),
            "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/plugins",
        },
    )
    assert done.stdout.splitlines()[-1] == "402 []"  # each with its watch, and the two for all programs


def test_the_plugin_scan_imports_the_registration_file_only() -> None:
    """Airflow imports every file below plugins/ under its bare stem: `select.py` would become `select`."""
    code = (
        "import sys, select; from airflow import plugins_manager; plugins_manager.ensure_plugins_loaded() "
        "if hasattr(plugins_manager, 'ensure_plugins_loaded') else plugins_manager._get_plugins(); "
        "assert select is sys.modules['select'] and 'airflow' not in (getattr(select, '__file__', '') or ''); "
        "print(sorted(m for m in ('collect', 'attest', 'base', 'program_dag', 'dspy', 'mlflow') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

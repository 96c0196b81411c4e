"""Sealed examples: who may see them, how often, and what is written down; against real runs of the pipeline."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.deltaone.power import Basis
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.errors import ConfigurationError, LowPowerError, TelepromptError
from teleprompt.evaluate.judge import JudgeAgreement
from teleprompt.evaluate.self_agreement import UnreadableLabelError
from teleprompt.gate.comparison import compared_answers, recompute
from teleprompt.gate.ledger import A_YEAR, inputs_learnt, list_looks, look_tags, open_gate, restore_look
from teleprompt.gate.markdown import comparison_in_markdown
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.queries.history import list_runs, read_comparison
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.snapshot import SealedPart, Snapshot, read_rows, read_snapshot, read_table
from teleprompt.traces.split import Part
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window, format_utc
from tests.conftest import store_in
from tests.support import GRADING_CODE, WEEK, log_run, log_shelf_calls, rows_of, write_program

LITTLE_LEARNT = {"max_labeled_demos": 1, "max_bootstrapped_demos": 0}


def pipeline(settings: Settings, folder: Path, *, window: Window = WEEK, **overrides) -> Pipeline:
    alone = {"trial": None, **overrides}
    return Pipeline.of_file(write_program(folder), settings=settings, window=window, overrides=alone)


@pytest.fixture(scope="module")
def _week_of_calls(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Path:
    """The database of a store with 160 calls, logged once: that takes as long as a test."""
    folder = tmp_path_factory.mktemp("calls")
    log_shelf_calls(store_in(folder, _empty_store), count=160)
    return folder / "mlflow" / "mlflow.db"


@pytest.fixture
def settings(tmp_path: Path, _week_of_calls: Path) -> Settings:
    """An environment of a test's own in which the calls are logged."""
    return store_in(tmp_path, _week_of_calls)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    return tmp_path / "programs"


def looks(settings: Settings):
    with mlflow_client(settings.tracking_uri) as client:
        return list(list_looks(client, "Shelves"))


def test_the_gate_part_is_sealed_to_everybody(settings: Settings, programs: Path) -> None:
    snapshot = read_snapshot(pipeline(settings, programs).collect())
    again = Snapshot.model_validate_json(snapshot.model_dump_json())
    for manifest in (snapshot, again, snapshot.model_copy()):
        assert isinstance(manifest.parts[Part.GATE], SealedPart)
        for read in (read_rows, read_table):
            with pytest.raises(TelepromptError, match="sealed; only a recorded look"):
                read(manifest.parts[Part.GATE])
    assert again.digest == snapshot.digest


def test_all_before_the_gate_works_without_the_sealed_file(settings: Settings, programs: Path) -> None:
    """Compiling, selecting and estimating the power never open it: it is not even there."""
    run = pipeline(settings, programs)
    record = run.collect()
    sealed = Path(read_snapshot(record).gate.blob.uri)
    hidden = sealed.rename(sealed.with_suffix(".hidden"))
    baseline = run.baseline()
    run.comparing.power(record)
    candidate = run.compile(record, baseline, seed=0)
    selection = run.select(record, [candidate])
    with pytest.raises(TelepromptError, match="missing"):
        run.comparing.gate(record, selection, baseline)
    hidden.rename(sealed)
    assert run.comparing.gate(record, selection, baseline).report.n > 0


def test_what_learns_and_chooses_is_shown_no_sealed_text(settings: Settings, programs: Path) -> None:
    run = pipeline(settings, programs)
    record = run.collect()
    sealed = {row.inputs["thing"] for row in rows_of(read_snapshot(record).gate)}
    candidate = run.compile(record, run.baseline(), seed=0)
    run.select(record, [candidate])
    for file in Path(settings.storage_uri).rglob("*"):
        if file.is_file() and file.suffix != ".parquet":
            text = file.read_text(errors="replace")
            assert not any(f'"{thing}"' in text for thing in sealed), file


def test_a_look_is_written_down_with_what_it_may_err(settings: Settings, programs: Path) -> None:
    comparison = run_all_stages(pipeline(settings, programs)).comparison
    (entry,) = looks(settings)
    assert entry.look == comparison.look
    assert (entry.look.number, entry.look.alpha) == (1, alpha_of_look([], alpha=0.05, looks_a_year=52))
    assert comparison.report.policy.alpha == entry.look.alpha
    assert (entry.look.used, entry.look.seen_before, entry.look.retired) == (comparison.report.n, 0, 0)
    assert entry.verdict == comparison.report.verdict


def test_the_same_key_looks_once_and_another_one_again(settings: Settings, programs: Path) -> None:
    for _ in range(2):
        run_all_stages(pipeline(settings, programs))
    assert len(looks(settings)) == 1
    again = run_all_stages(pipeline(settings, programs, optimization={"options": LITTLE_LEARNT})).comparison
    assert (again.look.number, again.look.seen_before) == (2, again.look.used)


def test_an_interrupted_look_counts_though_it_decided_nothing(
    settings: Settings, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_more: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("teleprompt.gate.stage.compare", fails)
        with pytest.raises(ConnectionError):
            run_all_stages(pipeline(settings, programs))
    assert [(entry.look.number, entry.verdict) for entry in looks(settings)] == [(1, None)]
    other = run_all_stages(pipeline(settings, programs, optimization={"options": LITTLE_LEARNT})).comparison
    assert other.look.number == 2
    assert run_all_stages(pipeline(settings, programs)).comparison.look.number == 2  # the first, tried again after that


def test_the_looks_of_deleted_runs_count(settings: Settings, programs: Path) -> None:
    run_all_stages(pipeline(settings, programs))
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
        client.delete_run(run.run_id)
    again = run_all_stages(pipeline(settings, programs, optimization={"options": LITTLE_LEARNT}))
    assert again.comparison.look.number == 2


def test_examples_that_were_looked_at_too_often_are_retired(settings: Settings, programs: Path) -> None:
    """Windows that overlap: the third look leaves out what two have seen, and says so."""
    options = {"optimization": {"options": LITTLE_LEARNT}, "gate": {"retire_after": 2}}
    windows = [Window(start=WEEK.start + timedelta(days=i), end=WEEK.end + timedelta(days=i)) for i in range(3)]
    log_shelf_calls(settings, count=160, window=Window(start=WEEK.end, end=WEEK.end + timedelta(days=7)), first=160)
    first, second, third = (
        run_all_stages(pipeline(settings, programs, window=window, **options)).comparison.look for window in windows
    )
    assert (first.seen_before, first.retired) == (0, 0)
    assert 0 < second.seen_before <= second.used
    assert second.retired == 0
    assert third.retired > 0
    assert (first.number, second.number, third.number) == (1, 2, 3)


def test_a_burnt_gate_is_an_error_that_says_so(settings: Settings, programs: Path) -> None:
    run_all_stages(pipeline(settings, programs, gate={"retire_after": 1}))
    with pytest.raises(
        TelepromptError, match=r"All \d+ sealed examples of Shelves were looked at 1 times and are retired"
    ):
        run_all_stages(pipeline(settings, programs, gate={"retire_after": 1}, optimization={"options": LITTLE_LEARNT}))
    assert len(looks(settings)) == 1  # nothing was compared, so it was no look


def test_power_is_known_before_it_costs_and_learns_from_the_last_comparison(
    settings: Settings, programs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = pipeline(settings, programs)
    record = run.collect()
    estimate = run.comparing.power(record)
    assert (estimate.basis, estimate.is_enough) == (Basis.ASSUMED, False)
    assert estimate.in_words in caplog.text
    run_all_stages(run)
    second = pipeline(settings, programs, optimization={"options": LITTLE_LEARNT})
    assert second.comparing.power(second.collect()).basis is Basis.LAST_COMPARISON


def test_a_run_that_could_see_nothing_can_be_skipped_before_any_call(settings: Settings, programs: Path) -> None:
    run = pipeline(settings, programs, gate={"on_low_power": "skip"})
    with pytest.raises(LowPowerError, match=r"Shelves is skipped before anything is spent: .* too few"):
        run_all_stages(run)
    assert looks(settings) == []
    with mlflow_client(settings.tracking_uri) as client:
        (summary,) = list_runs(client)
    assert (summary.state, summary.stage) == ("finished", "snapshot")


def test_the_verdict_is_made_anew_from_the_stored_scores(settings: Settings, programs: Path) -> None:
    stored = run_all_stages(pipeline(settings, programs)).comparison
    assert stored.report.verdict is Verdict.PROMOTE
    assert recompute(stored) == stored.report
    judged = stored.model_copy(update={"judge": JudgeAgreement(n=5, spearman_e6=-400_000)})
    assert "| judge | agrees with 5 outcomes by a rank correlation of -0.40 |" in comparison_in_markdown(judged)
    assert "judge" not in comparison_in_markdown(stored)
    changes = [answer.change_e6 for answer in compared_answers(stored)]
    assert changes == sorted(changes)
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
        assert read_comparison(client, run.run_id) == stored
    Path(stored.scores.uri).write_text("[]")
    with pytest.raises(TelepromptError, match="damaged"):
        recompute(stored)


def test_a_guardrail_stops_a_promotion_end_to_end(settings: Settings, programs: Path) -> None:
    """The demonstrations that make the answers right make the prompts longer."""
    guardrail = {"metric": "tokens", "tolerance": "10%"}
    outcome = run_all_stages(pipeline(settings, programs, gate={"guardrails": [guardrail]}))
    report = outcome.comparison.report
    assert (report.verdict, outcome.version) == (Verdict.REJECT, None)
    assert report.delta_e6 > 300_000
    assert [check.metric for check in report.breaches] == ["tokens"]
    assert "a guardrail does not hold (tokens " in report.reason


def test_what_a_program_has_learnt_by_heart_is_not_sealed(settings: Settings, programs: Path) -> None:
    """A split by numbers moves with the window: what was a demonstration may be in the gate part of the next one."""
    split = {"train": 40, "select": 30, "gate": 40}
    run = pipeline(settings, programs, split=split)
    record = run.collect()
    baseline = run.baseline()
    selection = run.select(record, [run.compile(record, baseline, seed=0)])
    demos = {demo["thing"] for demo in json.loads(get_blob(selection.state))["demos"]}
    assert demos
    later = pipeline(settings, programs, window=Window(start=WEEK.start + timedelta(days=2), end=WEEK.end), split=split)
    sealed = {row.inputs["thing"] for row in rows_of(read_snapshot(later.collect()).gate)}
    known = inputs_learnt([selection.state], read_snapshot(record).fields)
    assert known == {(("thing", thing),) for thing in demos}
    with mlflow_client(settings.tracking_uri) as client:
        opened = open_gate(
            PipelineRun.open(client, later.key),
            config=later.config,
            champion=1,
            sealed=read_snapshot(later.collect()).gate,
            learnt=[selection.state],
            fields=read_snapshot(record).fields,
            storage_uri=settings.storage_uri,
        )
    assert {row.inputs["thing"] for row in opened.rows} <= sealed - demos


def test_a_year_that_is_used_up_says_until_when(settings: Settings, programs: Path) -> None:
    for demos in (1, 2, 3):
        learnt = {"max_labeled_demos": demos, "max_bootstrapped_demos": 0}
        run_all_stages(pipeline(settings, programs, optimization={"options": learnt}))
    oldest = min(datetime.fromisoformat(entry.looked_at) for entry in looks(settings))
    free_again = re.escape(format_utc(oldest + A_YEAR))
    with pytest.raises(TelepromptError, match=rf"The 3 looks of the last 365 days .* wait until {free_again}, when"):
        run_all_stages(pipeline(settings, programs, gate={"alpha": 0.01}))


def test_a_guardrail_that_the_metric_does_not_give_is_refused_before_a_look(settings: Settings, programs: Path) -> None:
    run = pipeline(settings, programs, gate={"guardrails": [{"metric": "politeness"}]})
    with pytest.raises(ConfigurationError, match=r"'politeness' is none of .* and no score of the metric \(score\)"):
        run_all_stages(run)
    assert looks(settings) == []


def test_a_guardrail_on_an_unknown_price_is_refused_at_once(settings: Settings, programs: Path) -> None:
    with pytest.raises(ConfigurationError, match="could never hold; guard tokens instead"):
        pipeline(settings, programs, gate={"guardrails": [{"metric": "cost_usd"}]}).collect()


def test_labels_that_cannot_be_compared_are_found_before_they_cost_a_look(settings: Settings, tmp_path: Path) -> None:
    def run_of(window: Window) -> Pipeline:
        return Pipeline.of_file(file, settings=settings, window=window)

    def log_grades(window: Window, odd: set[str]) -> None:
        with mlflow_client(settings.tracking_uri) as client:
            for thing in things:
                log_run(
                    client,
                    school,
                    program="Grades",
                    at=window.start,
                    inputs={"thing": thing},
                    outputs={"grade": "two" if thing in odd else "0.5"},
                )

    file = write_program(
        tmp_path / "programs", yaml="name: Grades\ntrial: none\noptimization: {min_traces: 20}\n", code=GRADING_CODE
    )
    things = [f"thing number {i}" for i in range(60)]
    with mlflow_client(settings.tracking_uri) as client:
        school = client.create_experiment("school", str(tmp_path / "school"))
    before = Window(start=WEEK.start - timedelta(days=7), end=WEEK.start)
    log_grades(before, odd=set())
    sealed = {row.inputs["thing"] for row in rows_of(read_snapshot(run_of(before).collect()).gate)}
    log_grades(WEEK, odd=sealed)
    run = run_of(WEEK)
    record, baseline = run.collect(), run.baseline()
    selection = run.select(record, [run.compile(record, baseline, seed=0)])
    with pytest.raises(UnreadableLabelError, match="the output `grade`"):
        run.comparing.gate(record, selection, baseline)
    with mlflow_client(settings.tracking_uri) as client:
        assert list(list_looks(client, "Grades")) == []


def test_a_look_that_an_earlier_try_made_is_not_taken_back(settings: Settings) -> None:
    key = RunKey(program="Shelves", window=WEEK, fingerprint="0" * 64)
    with mlflow_client(settings.tracking_uri) as client:
        run = PipelineRun.open(client, key)
        restore_look(run, look_tags(run))
        assert look_tags(run) == {}
        run.tag(looked_at="2026-11-01T00:00:00Z", look="the first")
        earlier = look_tags(run)
        run.tag(looked_at="2026-11-02T00:00:00Z", look="the second")
        restore_look(run, earlier)
        assert look_tags(run) == {"looked_at": "2026-11-01T00:00:00Z", "look": "the first"}
        restore_look(run, {})
        assert look_tags(run) == {}

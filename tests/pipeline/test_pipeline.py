"""The whole pipeline against a real MLflow store, real DSPy and the offline engine."""

from pathlib import Path

import dspy
import mlflow
import pytest

from teleprompt.attest.stored import AttestationStore
from teleprompt.attest.verify import verify_attestation
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import InsufficientTracesError, NothingBetterError, TelepromptError
from teleprompt.evaluate.self_agreement import UnreadableLabelError
from teleprompt.gate.ledger import list_looks
from teleprompt.lm.build import build_lm
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.queries.history import list_runs
from teleprompt.records import Digest
from teleprompt.registry.change_log import Action, list_changes
from teleprompt.registry.listing import list_versions
from teleprompt.storage.blobs import get_blob
from teleprompt.traces._logged_fields import UnmeasuredFieldsError
from teleprompt.traces.snapshot import read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from tests.conftest import PromotedStore
from tests.support import ALICE, GRADING_CODE, WEEK, local_signer, log_run, log_shelf_calls, rows_of, write_program


def pipeline(settings: Settings, folder: Path, **overrides) -> Pipeline:
    file = write_program(folder)
    return Pipeline.of_file(
        file, settings=settings, window=WEEK, overrides={"optimization": overrides} if overrides else None
    )


@pytest.fixture
def signed(settings: Settings) -> Settings:
    return settings.model_copy(update={"signer": local_signer()})


@pytest.fixture
def promoted(promoted_store: PromotedStore) -> Outcome:
    return promoted_store.outcome


def test_a_real_gain_is_promoted_registered_and_attested(promoted: Outcome, signed: Settings) -> None:
    assert promoted.comparison.report.verdict is Verdict.PROMOTE
    assert (promoted.version.number, promoted.version.parent) == (2, 1)
    data = get_blob(promoted.attestation.blob)
    result = verify_attestation(data, require_signature=True)
    assert result.valid, result
    with mlflow_client(signed.tracking_uri) as client:
        store = AttestationStore(client)
        assert store.find(promoted.attestation.attestation_id).data == data
        assert [a.program for a in store.list()] == ["Shelves"]
        (run,) = list_runs(client, program="Shelves")
        versions = list_versions(client, "Shelves")
    assert (run.state, run.stage, run.verdict, run.model_version) == ("finished", "attestation", "promote", 2)
    assert [(v.number, v.aliases, v.parent) for v in versions] == [(2, ("champion",), 1), (1, ("previous",), None)]
    assert versions[0].attestation_id == promoted.attestation.attestation_id


@pytest.mark.usefixtures("promoted")
def test_the_same_key_again_returns_what_exists(promoted: Outcome, signed: Settings, tmp_path: Path) -> None:
    assert run_all_stages(pipeline(signed, tmp_path / "programs")) == promoted
    with mlflow_client(signed.tracking_uri) as client:
        assert len(list_versions(client, "Shelves")) == 2
        assert len(list_runs(client)) == 1


def test_a_lost_record_is_made_again_without_a_second_registration(
    promoted: Outcome, signed: Settings, tmp_path: Path
) -> None:
    """As after a crash between registering and writing the record of it."""
    with mlflow_client(signed.tracking_uri) as client:
        (run,) = list_runs(client)
        uri = client.get_run(run.run_id).info.artifact_uri
    for lost in ("version", "attestation"):
        (Path(uri.removeprefix("file://")) / f"records/{lost}.json").unlink()
    assert run_all_stages(pipeline(signed, tmp_path / "programs")) == promoted
    with mlflow_client(signed.tracking_uri) as client:
        assert len(list_versions(client, "Shelves")) == 2


@pytest.mark.usefixtures("promoted")
def test_the_registered_model_serves_without_unpickling(signed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with fluent_tracking(signed.tracking_uri.get_secret_value()):
        model = mlflow.pyfunc.load_model("models:/Shelves@champion")
        with dspy.context(lm=build_lm(LMConfig())):
            answer = model.predict([{"thing": "wooden thing number 999"}])
    assert answer == [{"shelf": "left"}]


def test_nothing_of_a_key_or_a_contributor_is_stored_with_the_program(signed: Settings, tmp_path: Path) -> None:
    log_shelf_calls(signed, count=160)
    marked = signed.model_copy(update={"lm": LMConfig.model_validate({"api_key": "sk-marked"})})
    outcome = run_all_stages(pipeline(marked, tmp_path / "programs"))
    assert ALICE.encode() not in get_blob(outcome.version.state)
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"sk-marked" not in file.read_bytes(), file


def test_the_parts_share_no_input_and_lose_no_trace(signed: Settings, tmp_path: Path) -> None:
    log_shelf_calls(signed, count=60)
    snapshot = read_snapshot(pipeline(signed, tmp_path / "programs").collect())
    inputs = {part: {row.inputs["thing"] for row in rows_of(snapshot.parts[part])} for part in Part}
    assert sum(map(len, inputs.values())) == len(set.union(*inputs.values())) == 60


def test_a_worse_candidate_is_not_promoted(settings: Settings, tmp_path: Path) -> None:
    """After a promotion, one demonstration has to beat many."""
    log_shelf_calls(settings, count=160)
    run_all_stages(pipeline(settings, tmp_path / "programs"))
    outcome = run_all_stages(
        pipeline(settings, tmp_path / "programs", options={"max_labeled_demos": 1, "max_bootstrapped_demos": 0})
    )
    assert outcome.comparison.report.verdict is not Verdict.PROMOTE
    assert outcome.version is outcome.attestation is None
    with mlflow_client(settings.tracking_uri) as client:
        entry = next(iter(list_changes(client, "Shelves")))
    assert (entry.action, entry.before == entry.after) == (Action.REJECT, True)
    assert entry.why.startswith(outcome.comparison.report.reason)


def test_a_search_that_ends_with_the_champion_itself_opens_nothing(settings: Settings, tmp_path: Path) -> None:
    """Zero demonstrations: candidate and baseline are the same program."""
    log_shelf_calls(settings, count=160)
    same = pipeline(settings, tmp_path / "programs", options={"max_labeled_demos": 0, "max_bootstrapped_demos": 0})
    for _ in range(2):  # a second time it says the same
        with pytest.raises(NothingBetterError, match=r"nothing better than the running version of Shelves: the best"):
            run_all_stages(same)
    with mlflow_client(settings.tracking_uri) as client:
        assert list(list_looks(client, "Shelves")) == []
        (run,) = list_runs(client)
    assert (run.state, run.stage, run.verdict, run.error) == ("finished", "selection", "inconclusive", None)
    assert run.skipped.startswith("The search found nothing better")


def test_a_candidate_that_answers_as_the_champion_does_opens_nothing(settings: Settings, tmp_path: Path) -> None:
    """Two programs that teach the same by other demonstrations."""
    log_shelf_calls(settings, count=160)
    run_all_stages(pipeline(settings, tmp_path / "programs"))
    other = pipeline(settings, tmp_path / "programs", options={"max_labeled_demos": 12, "max_bootstrapped_demos": 0})
    with pytest.raises(NothingBetterError, match=r"gives the same answers to all \d+ select examples"):
        run_all_stages(other)
    with mlflow_client(settings.tracking_uri) as client:
        assert len(list(list_looks(client, "Shelves"))) == 1


def test_what_a_run_cost_is_known_by_stage(promoted: Outcome, signed: Settings) -> None:
    with mlflow_client(signed.tracking_uri) as client:
        (run,) = list_runs(client)
    comparison = promoted.comparison
    assert set(run.spend) == {"compile", "select", "gate", "load"}
    assert run.lm_calls == sum(stage.calls for stage in run.spend.values())
    assert run.spend["gate"].calls == comparison.spend.calls >= 2 * comparison.report.n


def test_too_few_traces_in_the_documents_words(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=5)
    with pytest.raises(
        InsufficientTracesError, match=r"^Insufficient traces: 5 < 20 .*lower `optimization.min_traces`"
    ):
        run_all_stages(pipeline(settings, tmp_path / "programs"))
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
    assert (run.state, run.stage) == ("failed", "none")
    assert run.error.startswith("Insufficient traces: 5 < 20")


def test_no_good_outcome_is_a_clear_error(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=40, good=0.5)
    with pytest.raises(TelepromptError, match="No training trace reaches the quality score"):
        run_all_stages(pipeline(settings, tmp_path / "programs"))


def test_without_the_deltaone_check_nothing_is_promoted(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=60)
    outcome = run_all_stages(pipeline(settings, tmp_path / "programs", enable_deltaone_check=False))
    assert (outcome.comparison, outcome.version, outcome.attestation) == (None, None, None)


def test_another_configuration_is_another_run(settings: Settings, tmp_path: Path) -> None:
    first = pipeline(settings, tmp_path / "programs").key
    assert first == pipeline(settings, tmp_path / "programs").key
    assert first != pipeline(settings, tmp_path / "programs", min_quality_score=0.8).key


def test_a_run_can_begin_with_the_champion(promoted: Outcome, signed: Settings, tmp_path: Path) -> None:
    """A strategy that rewrites instructions keeps the champion's demonstrations."""
    copro = {"strategy": "copro", "optimization_rounds": 1, "options": {"breadth": 2, "max_examples": 4}}
    again = pipeline(signed, tmp_path / "programs", start_from="champion", **copro)
    snapshot, baseline = again.collect(), again.baseline()
    assert baseline.version_id == promoted.version.version_id
    state = get_blob(again.compile(snapshot, baseline, seed=0).state)
    fresh = pipeline(signed, tmp_path / "programs", **copro)
    assert get_blob(fresh.compile(fresh.collect(), baseline, seed=0).state).count(b'"shelf"') == 0
    assert state.count(b'"shelf"') == get_blob(baseline.state).count(b'"shelf"') > 0


def test_an_unchanged_baseline_is_asked_about_new_traces_only(
    promoted: Outcome, signed: Settings, tmp_path: Path
) -> None:
    """The same traces, another strategy: the champion's answers to them are known."""

    def answers_kept(state: Digest) -> int:
        kept = Path(signed.storage_uri).glob(f"scores/*/{state}.jsonl")
        return sum(line.startswith('{"example"') for file in kept for line in file.read_text().splitlines())

    before = answers_kept(promoted.version.state.digest)
    options = {"max_labeled_demos": 1}
    again = run_all_stages(pipeline(signed, tmp_path / "programs", strategy="labeled_fewshot", options=options))
    assert again.comparison.baseline_state.digest == promoted.version.state.digest
    assert answers_kept(promoted.version.state.digest) == before >= again.comparison.report.n
    assert answers_kept(again.comparison.optimized_state.digest) >= again.comparison.report.n


def test_what_a_running_stage_says_can_be_read_from_outside(signed: Settings, tmp_path: Path) -> None:
    log_shelf_calls(signed, count=60)
    running = pipeline(signed, tmp_path / "programs")
    snapshot, baseline = running.collect(), running.baseline()
    running.compile(snapshot, baseline, seed=0)
    with mlflow_client(signed.tracking_uri) as client:
        (run,) = list_runs(client)
    assert (run.state, run.stage) == ("running", "snapshot")
    assert run.progress.startswith("seed 0, ")
    assert run.progress.endswith("calls, done")


COLLECTING = """
import dspy

class Sort(dspy.Module):
    def __init__(self):
        super().__init__()
        self.first = dspy.Predict("thing -> urgency")
        self.last = dspy.Predict("thing -> shelf")

    def forward(self, thing):
        return dspy.Prediction(urgency=self.first(thing=thing).urgency, shelf=self.last(thing=thing).shelf)

def build():
    return Sort()
"""


def log_answers(settings: Settings, **outputs: str) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        shop = client.create_experiment("shop", str(Path(settings.storage_uri).parent / "shop"))
        for i in range(60):
            log_run(
                client,
                shop,
                program="Shelves",
                inputs={"thing": f"thing number {i}"},
                outputs={name: f"{text}{i}" for name, text in outputs.items()},
            )


def test_nothing_is_compiled_where_logged_answers_would_not_agree_with_themselves(
    settings: Settings, tmp_path: Path
) -> None:
    log_answers(settings, grade="number ")
    file = write_program(tmp_path / "programs", code=GRADING_CODE)
    run = Pipeline.of_file(file, settings=settings, window=WEEK)
    with pytest.raises(UnreadableLabelError, match=r"hold no float for the output `grade`"):
        run.compile(run.collect(), run.baseline(), seed=0)


def test_an_answer_that_forward_collects_of_several_predictors_is_collected_whole(
    settings: Settings, tmp_path: Path
) -> None:
    log_answers(settings, urgency="high ", shelf="left ")
    file = write_program(tmp_path / "programs", code=COLLECTING)
    taken = read_snapshot(Pipeline.of_file(file, settings=settings, window=WEEK).collect())
    assert {field.name for field in taken.fields.outputs} == {"urgency", "shelf"}


def test_nothing_is_collected_where_calls_hold_an_output_that_the_code_does_not_give(
    settings: Settings, tmp_path: Path
) -> None:
    log_answers(settings, urgency="high ", shelf="left ")
    file = write_program(tmp_path / "programs")
    with pytest.raises(UnmeasuredFieldsError, match="outputs `shelf`, `urgency`, but"):
        Pipeline.of_file(file, settings=settings, window=WEEK).collect()


def test_a_window_that_is_all_quarantined_says_for_which_reasons(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=30, good=7.0)  # every second is out of range
    with pytest.raises(
        InsufficientTracesError,
        match=r"^Insufficient traces: 15 < 20 .* 15 more cannot be used \(outcome_out_of_range 15\).*traces inspect",
    ) as raised:
        run_all_stages(pipeline(settings, tmp_path / "programs"))
    assert (raised.value.found, raised.value.quarantined) == (15, {"outcome_out_of_range": 15})

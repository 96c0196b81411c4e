"""A program that learns from another: its champion's instructions and demonstrations are one more candidate."""

from pathlib import Path

from teleprompt.attest.stored import AttestationStore
from teleprompt.attest.verify import verify_attestation
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.pipeline.borrowed import FIRST_SEED, Borrowed, borrowed_rows
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.queries.history import list_runs
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from tests.support import PROGRAM_CODE, WEEK, local_signer, log_shelf_calls, rows_of, write_program

CAROL, ADDRESS = "carol", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


def run(settings: Settings, folder: Path, slug: str, yaml: str, code: str = PROGRAM_CODE) -> Outcome:
    signed = settings.model_copy(update={"signer": local_signer()})
    file = write_program(folder / "programs", slug, yaml=yaml, code=code)
    return run_all_stages(Pipeline.of_file(file, settings=signed, window=WEEK))


def taught_by_carol(settings: Settings, folder: Path) -> Outcome:
    """Another program for the same work, promoted from Carol's calls alone."""
    log_shelf_calls(settings, count=160, program="Sorter", first=1000)
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("shop").experiment_id
        for call in client.search_runs([experiment], "tags.dspy_program_name = 'Sorter'", max_results=1000):
            client.set_tag(call.info.run_id, "contributor_id", CAROL)
            client.set_tag(call.info.run_id, "contributor_address", ADDRESS)
    return run(settings, folder, "sorter", "name: Sorter\noptimization: {min_traces: 20}\n")


LEARNS = """
name: Shelves
learn_from: [Sorter, Nobody]
optimization: {min_traces: 20, options: {max_bootstrapped_demos: 1, max_labeled_demos: 1}}
"""


def test_what_another_has_learnt_is_judged_like_any_candidate_and_credited(settings: Settings, tmp_path: Path) -> None:
    teacher = taught_by_carol(settings, tmp_path)
    assert teacher.version is not None
    log_shelf_calls(settings, count=160)
    outcome = run(settings, tmp_path, "shelves", LEARNS)
    assert outcome.comparison is not None
    assert outcome.comparison.report.verdict is Verdict.PROMOTE
    assert outcome.version is not None
    assert outcome.attestation is not None
    assert verify_attestation(get_blob(outcome.attestation.blob), require_signature=True).valid
    with mlflow_client(settings.tracking_uri) as client:
        tags = client.get_model_version("Shelves", str(outcome.version.number)).tags
        assert (tags["learnt_from"], tags["seed"]) == (f"Sorter {teacher.version.version_id}", str(FIRST_SEED))
        attested = AttestedRun(client, AttestationStore(client).find(outcome.attestation.attestation_id))
        assert all(check.holds for check in verify_deep(attested))
        credited = {credit.contributor_id: credit for credit in attested.attribution.credits}
        assert credited[CAROL].used.demos == 16
        assert credited[CAROL].weight_e6 > 0
        assert credited[CAROL].address == ADDRESS
        (teaching,) = [one for one in list_runs(client) if one.program == "Sorter"]
        snapshot = PipelineRun(client, teaching.run_id).read("snapshot", SnapshotRecord)
        (learning,) = [one for one in list_runs(client) if one.program == "Shelves"]
        borrowed = PipelineRun(client, learning.run_id).read("borrowed", Borrowed)
    assert borrowed is not None
    assert borrowed.left_out == {"Nobody": "it has no champion"}
    assert snapshot is not None
    sealed = {row.trace_id for row in rows_of(read_snapshot(snapshot).parts[Part.GATE])}
    assert not sealed & {row.trace_id for row in borrowed_rows(borrowed.offers[0])}

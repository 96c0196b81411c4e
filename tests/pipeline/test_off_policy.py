"""A run that promotes on the outcome without a rollout: estimated from calls in which chance chose the answer."""

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from dev.traffic.log import AsRun
from teleprompt.attest.stored import AttestationStore
from teleprompt.attest.summary import Summary
from teleprompt.attest.verify import verify_attestation
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.gate.comparison import recompute
from teleprompt.gate.markdown import comparison_in_markdown
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.registry.exploration import Exploration, exploration_of
from teleprompt.serving.explore import explored
from teleprompt.storage.blobs import get_blob
from teleprompt.tracking.connection import mlflow_client
from tests.many_runs import log_many
from tests.support import ALICE, WEEK, local_signer, write_program

YAML = """
name: Shelves
optimization: {min_traces: 20}
promote_on: outcome
explore: {epsilon: 0.3}
trial: none
curation: []
"""
COUNT = 600
EXPLORATION = Exploration(epsilon=0.3, output="shelf", answers=("left", "right"))
RIGHT = {"wooden": "left", "metal": "right"}


def log_explored(settings: Settings, *, told: Callable[[int, float], float | None] = lambda _i, p: p) -> None:
    """Calls of 200 customers, of which a champion that always gives one answer had three tenths left to chance."""
    calls = []
    for i in range(COUNT):
        kind = "wooden" if random.Random(i).random() < 0.5 else "metal"
        answer, propensity = explored(SimpleNamespace(shelf="left"), EXPLORATION)
        said = told(i, propensity)
        started = round((WEEK.start + i * (WEEK.end - WEEK.start) / COUNT).timestamp() * 1000)
        calls.append(
            AsRun(
                started_ms=started,
                ended_ms=started + 1,
                params={"input.thing": f"{kind} thing number {i}", "output.shelf": answer.shelf},
                metrics={"outcome_score": float(RIGHT[kind] == answer.shelf)},
                tags={
                    "dspy_program_name": "Shelves",
                    "contributor_id": "alice",
                    "contributor_address": ALICE,
                    "group": f"customer {i % 200}",
                    **({} if said is None else {"teleprompt.propensity": repr(said)}),
                },
            )
        )
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.create_experiment("shop", str(Path(settings.storage_uri).parent / "shop"))
        log_many(client, experiment, calls)


def run(settings: Settings, folder: Path) -> tuple[Outcome, Settings]:
    signed = settings.model_copy(update={"signer": local_signer()})
    file = write_program(folder / "programs", yaml=YAML)
    return run_all_stages(Pipeline.of_file(file, settings=signed, window=WEEK)), signed


def test_a_gain_in_the_outcome_promotes_and_is_attested_as_an_estimate_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    log_explored(settings)
    outcome, signed = run(settings, tmp_path)
    comparison = outcome.comparison
    assert comparison is not None
    assert comparison.off_policy is not None
    assert (comparison.report.verdict, comparison.report.test) == (Verdict.PROMOTE, "off_policy_t")
    assert comparison.metric == "outcome_score"
    assert comparison.labels is not None
    assert comparison.labels.in_words.startswith("the outcome itself, estimated off-policy")
    assert "calls were given the answer of the candidate (as much as" in comparison_in_markdown(comparison)
    assert recompute(comparison) == comparison.report
    assert outcome.attestation is not None
    data = get_blob(outcome.attestation.blob)
    assert verify_attestation(data, require_signature=True).valid
    with mlflow_client(signed.tracking_uri) as client:
        attested = AttestedRun(client, AttestationStore(client).find(outcome.attestation.attestation_id))
        assert all(check.holds for check in verify_deep(attested))
        assert exploration_of(client, "Shelves") == EXPLORATION
    said = dict(Summary.of(attested.attestation).lines())
    assert said["compared"] == "the outcome itself, estimated off-policy from calls in which chance chose the answer"


def test_calls_without_propensities_decide_nothing(settings: Settings, tmp_path: Path) -> None:
    log_explored(settings, told=lambda i, p: None if i % 7 == 0 else p)
    outcome, _ = run(settings, tmp_path)
    assert outcome.version is None
    assert outcome.comparison is not None
    assert (outcome.comparison.report.verdict, outcome.attestation) == (Verdict.INCONCLUSIVE, None)
    assert "not decided, propensities_not_logged: " in outcome.comparison.report.reason
    assert recompute(outcome.comparison) == outcome.comparison.report

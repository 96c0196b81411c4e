"""What the only run in an MLflow came to, as far as another machine must come to the same."""

from typing import Any

from teleprompt.gate.comparison import Comparison
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.select import Selection
from teleprompt.queries.history import list_runs
from teleprompt.registry.versions import ProgramVersion
from teleprompt.traces.snapshot import SnapshotRecord
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun

SEEDS = (-3, -2, -1, 0)


def run_result(tracking_uri: str) -> dict[str, Any]:
    """Its key, verdict and digests under `same`; what each compile took under `calls` and `kept`."""
    with mlflow_client(tracking_uri) as client:
        (summary,) = list_runs(client)
        run = PipelineRun(client, summary.run_id)
        candidates = {str(seed): read(run, f"candidate_{seed}", Candidate) for seed in SEEDS}
        return {
            "same": {
                "key": summary.key,
                "snapshot": read(run, "snapshot", SnapshotRecord).digest,
                "candidates": {
                    seed: candidate.state and candidate.state.digest for seed, candidate in candidates.items()
                },
                "selected": read(run, "selection", Selection).state.digest,
                "report": read(run, "gate", Comparison).report.model_dump(mode="json"),
                "state": read(run, "version", ProgramVersion).state.digest,
            },
            "calls": {seed: candidate.spend.calls for seed, candidate in candidates.items()},
            "kept": {seed: candidate.spend.kept for seed, candidate in candidates.items()},
            "attestation": summary.attestation_id,
        }


def read(run: PipelineRun, name: str, model: Any) -> Any:
    record = run.read(name, model)
    assert record is not None, name
    return record

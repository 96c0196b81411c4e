"""Outputs of promptfoo: `promptfoo eval --output results.json`, or `.jsonl`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teleprompt.score_files.log import Document, Log, Sample, canonical

ERROR = 2
"""promptfoo's `failureReason` where the provider gave no answer."""


def is_log(first: Document) -> bool:
    """Whether this is what promptfoo writes."""
    results = first.get("results")
    return {"promptIdx", "testIdx"} <= first.keys() or (isinstance(results, dict) and "results" in results)


def read(path: Path, documents: Sequence[Document]) -> Log:
    """All results, of each prompt with each provider. promptfoo has no ids, so a test is its variables."""
    rows = documents if "testIdx" in documents[0] else documents[0]["results"]["results"]
    return Log(path, "test", [_sample(row) for row in sorted(rows, key=lambda row: row["testIdx"])])


def _program(row: Document) -> tuple[str, ...]:
    """The number of its column, its provider and its prompt."""
    provider: Any = row.get("provider") or {}
    prompt: Any = row.get("prompt") or {}
    return str(row["promptIdx"]), provider.get("label") or provider["id"], prompt.get("label") or prompt["raw"]


def _sample(row: Document) -> Sample:
    test: Any = row.get("testCase") or {}
    variables = test.get("vars") or row.get("vars") or {}
    response: Any = row.get("response") or {}
    tokens = (response.get("tokenUsage") or row.get("tokenUsage") or {}).get("total")
    measured = {"latencyMs": row.get("latencyMs"), "cost": row.get("cost"), "tokens": tokens}
    scores = {"score": row["score"], "success": row["success"], **(row.get("namedScores") or {})}
    return Sample(
        number=row["testIdx"],
        example=canonical(variables),
        scores=dict.fromkeys(scores) if row.get("failureReason") == ERROR else scores,
        measured={name: value for name, value in measured.items() if value is not None},
        about={**variables, **(test.get("metadata") or {})},
        program=_program(row),
    )

"""Samples of the Language Model Evaluation Harness (lm_eval): `samples_TASK_DATE.jsonl`, by `--log_samples`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from teleprompt.score_files.log import Document, Log, Sample, canonical

NO_METRICS = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
}  # fmt: skip


def is_log(first: Document) -> bool:
    """Whether this is what the harness writes."""
    return {"doc_id", "doc", "resps"} <= first.keys()


def read(path: Path, documents: Sequence[Document]) -> Log:
    """One sample a document of the task; with several filters its scores are named like `exact_match,strict-match`."""
    filters = {line.get("filter") for line in documents}
    seen: dict[tuple[int, str | None], int] = defaultdict(int)
    answers: dict[tuple[int, int], list[tuple[int, Document]]] = defaultdict(list)
    for number, line in enumerate(documents, start=1):
        answer = line["doc_id"], line.get("filter")
        answers[line["doc_id"], seen[answer]].append((number, line))
        seen[answer] += 1
    samples = []
    for (doc_id, _), lines in answers.items():
        number, first = lines[0]
        scores = {name: value for _, line in lines for name, value in _scores(line, several=len(filters) > 1).items()}
        asked = canonical([first["doc"], first.get("target")])
        about = first["doc"] if isinstance(first["doc"], dict) else {}
        samples.append(Sample(number=number, example=doc_id, scores=scores, about=about, asked=asked))
    return Log(path, "line", samples)


def _scores(line: Document, *, several: bool) -> dict[str, object]:
    names = line.get("metrics") or [name for name in line if name not in NO_METRICS]
    return {f"{name},{line['filter']}" if several else name: line.get(name) for name in names}

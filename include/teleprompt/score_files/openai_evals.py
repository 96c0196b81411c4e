"""What OpenAI's evals leave: the event log of `oaieval`, and the output items of a run of the Evals API."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.log import Document, Log, Sample, canonical

ITEM = "eval.run.output_item"
_GRADERS_ID = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def is_event_log(first: Document) -> bool:
    """Whether this is what `oaieval` writes."""
    return isinstance(first.get("spec"), dict) and "eval_name" in first["spec"]


def read_event_log(path: Path, documents: Sequence[Document]) -> Log:
    """One sample for each `match` or `metrics` event of a sample id: `correct`, and the metrics that are numbers.

    Raises:
        ConfigurationError: the evaluation did not end.
    """
    if not any("final_report" in line for line in documents):
        raise ConfigurationError(
            f"{path} is the log of an evaluation without a final report; what it did not answer is seldom like the "
            "rest, so run `oaieval` to its end."
        )
    answers: dict[str, list[dict[str, object]]] = defaultdict(list)
    expected: dict[str, str] = {}
    numbers: dict[str, int] = {}
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for number, line in enumerate(documents, start=1):
        name, kind = line.get("sample_id"), line.get("type")
        if name is None:
            continue
        numbers.setdefault(name, number)
        if kind not in {"match", "metrics"}:
            continue
        if seen[name, kind] == len(answers[name]):
            answers[name].append({})
        answers[name][seen[name, kind]] |= _scores(kind, line["data"])
        seen[name, kind] += 1
        if kind == "match":
            expected[name] = canonical(line["data"].get("expected"))
    samples = [
        Sample(number=number, example=name, scores=scores, asked=expected.get(name))
        for name, number in numbers.items()
        for scores in answers[name] or [{}]  # whatever came of it, it was asked
    ]
    return Log(path, "line", samples)


def _scores(kind: str, data: Document) -> dict[str, object]:
    if kind == "match":
        return {"correct": data["correct"]}
    return {name: value for name, value in data.items() if isinstance(value, (bool, int, float))}


def are_output_items(first: Document) -> bool:
    """Whether this is what the API lists: an item, or a page of them."""
    return first.get("object") == ITEM or (
        first.get("object") == "list" and bool(first.get("data")) and first["data"][0].get("object") == ITEM
    )


def read_output_items(path: Path, documents: Sequence[Document]) -> Log:
    """One sample an item. An item's number is its place in the data, so an example is the data source's item.

    Raises:
        ConfigurationError: there are further pages.
    """
    if documents[-1].get("has_more"):
        raise ConfigurationError(
            f"{path} ends with a page of output items that has more after it; ask for the pages that follow, and write "
            "an item or a page a line."
        )
    items = [item for document in documents for item in document.get("data", [document])]
    return Log(path, "item", [_of_item(item) for item in items])


def _of_item(item: Document) -> Sample:
    return Sample(
        number=item["id"],
        example=canonical(item["datasource_item"]),
        scores=dict(_graded(result) for result in item["results"]),
        about=item["datasource_item"],
    )


def _graded(result: Document) -> tuple[str, object]:
    """By the grader's name, without the id that the API adds to it."""
    score = result.get("score")
    return _GRADERS_ID.sub("", result["name"]), result.get("passed") if score is None else score

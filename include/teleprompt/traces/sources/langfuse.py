"""A Langfuse export: traces with their scores, as a JSON array or JSON lines.

The shape is that of Langfuse's API for traces (https://api.reference.langfuse.com/#tag/trace).
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources.calls import Call, CallSource, Said, matching_files
from teleprompt.window import Window

log = logging.getLogger(__name__)

SOURCES = {"ANNOTATION": "HUMAN", "API": "CODE", "EVAL": "LLM_JUDGE"}
"""Who gave a score, in MLflow's words."""


class LangfuseExport(CallSource):
    """Calls from a file that was exported from Langfuse; a trace's name, or its metadata, names the program.

    Args:
        path: a file, or a pattern (`exports/*.jsonl`), from the project's folder on.
    """

    route = "files"

    def __init__(self, path: str) -> None:
        self._files = matching_files(path)

    def calls(self, program: str, window: Window) -> Iterator[Call]:
        """One for each trace that names the program."""
        del window
        for file in self._files:
            for number, trace in enumerate(_traces(file), start=1):
                try:
                    call = _call(trace, program)
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    name = type(error).__name__
                    log.warning("Trace %d of %s is none of Langfuse's (%s); it is passed over", number, file, name)
                    continue
                if call is not None:
                    yield call


def _traces(file: Path) -> Iterator[Mapping[str, Any]]:
    text = file.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                if line.strip():
                    yield json.loads(line)
            except ValueError:
                log.warning("%s:%d is no JSON; it is passed over", file, number)


def _call(trace: Mapping[str, Any], program: str) -> Call | None:
    metadata = trace.get("metadata")
    said = metadata if isinstance(metadata, Mapping) else {}
    if said.get(tags.PROGRAM, trace.get("name", program)) != program:
        return None
    started = datetime.fromisoformat(trace["timestamp"])
    seconds = trace.get("latency")
    return Call(
        trace_id=str(trace["id"]),
        started_at=started,
        ended_at=None if seconds is None else started + timedelta(seconds=float(seconds)),
        inputs=_json(trace.get("input")),
        outputs=_json(trace.get("output")),
        said=[_said(score) for score in trace.get("scores") or () if isinstance(score, Mapping)],
        contributor_id=said.get(tags.CONTRIBUTOR_ID),
        contributor_address=said.get(tags.CONTRIBUTOR_ADDRESS),
        program_version=said.get(tags.PROGRAM_VERSION) or trace.get("version"),
        group=said.get(tags.GROUP) or trace.get("sessionId"),
        user=trace.get("userId"),
        assignment_key=said.get(tags.ASSIGNMENT_KEY),
        assignment_share=said.get(tags.ASSIGNMENT_SHARE),
        propensity=said.get(tags.PROPENSITY),
    )


def _said(score: Mapping[str, Any]) -> Said:
    value = score.get("value")
    if score.get("dataType") == "CATEGORICAL" or value is None:
        value = score.get("stringValue", value)
    at = score.get("timestamp")
    return Said(
        name=score["name"],
        value=value,
        at=None if at is None else datetime.fromisoformat(at),
        source=SOURCES.get(score.get("source", "API"), "CODE"),
        rater=score.get("authorUserId"),
        rationale=score.get("comment"),
    )


def _json(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value

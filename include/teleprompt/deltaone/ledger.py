"""The ledger of looks at sealed examples: who opened which, when, and what error that look may make.

A look is written down, as tags of its pipeline run, before anything is opened. Looks are counted, not locked: of looks
that begin at one moment each counts the others too, so that none of them gets more of `alpha` than it would have got
one after the other. The looks of deleted runs count as well.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime

from include.teleprompt.canonical import canonical_json
from include.teleprompt.config.gate import GateConfig
from include.teleprompt.deltaone.spending import alpha_of_look
from include.teleprompt.errors import TelepromptError
from include.teleprompt.evaluate.examples import good_rows, to_examples
from include.teleprompt.evaluate.score import example_digest
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.records import Record
from include.teleprompt.storage import Blob, get_blob, put_blob
from include.teleprompt.traces.row import TraceRow
from include.teleprompt.traces.snapshot import SealedPart, SnapshotPart, read_rows
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.tracking.pipeline_run import KEY_TAG, PipelineRun, experiment_name, internal_experiment
from include.teleprompt.window import format_utc

LOOKED_AT = "looked_at"
LOOK = "look"
A_YEAR = timedelta(days=365)
EXAMPLE_ID_DIGITS = 16


class Look(Record):
    """One look at sealed examples."""

    number: int
    """Which look of the last 365 days this is, from 1."""
    alpha: float
    """The error that it may make."""
    champion: int
    """Version that was compared with."""
    opened_at: AwareDatetime
    examples: Blob
    """Ids of the examples that were used: JSON list of the first 16 digits of their digests, sorted."""
    used: int
    seen_before: int
    """Of those used, how many an earlier look had seen."""
    retired: int
    """Good examples that were left out, for too many looks had seen them."""


@dataclass(frozen=True)
class LedgerEntry:
    """A look with the run that made it."""

    run_id: str
    key: str
    window_start: str
    window_end: str
    looked_at: str
    look: Look | None
    """None for one that was begun and never got as far as opening anything."""
    verdict: str | None


@dataclass(frozen=True)
class OpenedGate:
    """Sealed rows, opened by a look that is in the ledger."""

    look: Look
    rows: list[TraceRow]
    examples: list[Any]
    sealed_rows: int
    """Rows of the gate part, good or not."""
    all_rows: list[TraceRow]
    """All of them, for what is measured beside the comparison."""


def upcoming_look(client: Any, program: str, *, own_run: str | None = None) -> int:
    """The number that a look would have now."""
    return 1 + sum(entry.run_id != own_run for entry in _of_last_year(client, program))


def open_gate(
    run: PipelineRun,
    *,
    program: str,
    champion: int,
    sealed: SealedPart,
    config: GateConfig,
    min_quality_score: float,
    fields: ProgramFields,
    storage_uri: str,
) -> OpenedGate:
    """Write a look down, then open the gate part.

    Raises:
        TelepromptError: no sealed example is good enough to agree with, or all of them are retired.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    run.tag(**{LOOKED_AT: format_utc(now)})
    others = [entry for entry in _of_last_year(run.client, program) if entry.run_id != run.run_id]
    everything = read_rows(SnapshotPart.model_validate(sealed.model_dump()))
    good = good_rows(everything, min_quality_score=min_quality_score)
    if not good:
        raise TelepromptError(
            f"None of the {len(everything)} sealed traces reaches the quality score {min_quality_score:g}; "
            "collect more traces or lower `optimization.min_quality_score`."
        )
    examples = to_examples(good, fields)
    ids = [example_digest(example)[:EXAMPLE_ID_DIGITS] for example in examples]
    looks = _looks_at_each(others)
    used = [i for i, id_ in enumerate(ids) if looks[id_] < config.retire_after]
    if not used:
        raise TelepromptError(
            f"All {len(good)} sealed examples were looked at {config.retire_after} times and are retired; "
            "collect newer traces."
        )
    number = 1 + len(others)
    look = Look(
        number=number,
        alpha=alpha_of_look(number, alpha=config.alpha, looks_a_year=config.looks_a_year),
        champion=champion,
        opened_at=now,
        examples=put_blob(storage_uri, "looks", canonical_json(sorted(ids[i] for i in used)), suffix=".json"),
        used=len(used),
        seen_before=sum(looks[ids[i]] > 0 for i in used),
        retired=len(ids) - len(used),
    )
    run.tag(**{LOOK: look.model_dump_json()})
    return OpenedGate(
        look=look,
        rows=[good[i] for i in used],
        examples=[examples[i] for i in used],
        sealed_rows=len(everything),
        all_rows=everything,
    )


def list_looks(client: Any, program: str) -> Iterator[LedgerEntry]:
    """All looks at a program's sealed examples, newest first, those of deleted runs too."""
    from mlflow.entities import ViewType

    experiment = internal_experiment(client, experiment_name(program))
    condition = f"tags.`teleprompt.{LOOKED_AT}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            condition,
            run_view_type=ViewType.ALL,
            max_results=1000,
            order_by=["attributes.start_time DESC", "attributes.run_id"],
            page_token=token,
        )
        yield from (_entry(run) for run in page)
        token = page.token
        if not token:
            return


def _entry(run: Any) -> LedgerEntry:
    tags = run.data.tags
    look = tags.get(f"teleprompt.{LOOK}")
    return LedgerEntry(
        run_id=run.info.run_id,
        key=tags[KEY_TAG],
        window_start=tags["teleprompt.window_start"],
        window_end=tags["teleprompt.window_end"],
        looked_at=tags[f"teleprompt.{LOOKED_AT}"],
        look=Look.model_validate_json(look) if look else None,
        verdict=tags.get("teleprompt.verdict"),
    )


def _of_last_year(client: Any, program: str) -> list[LedgerEntry]:
    since = datetime.now(UTC) - A_YEAR
    return [entry for entry in list_looks(client, program) if datetime.fromisoformat(entry.looked_at) > since]


def _looks_at_each(entries: list[LedgerEntry]) -> Counter[str]:
    """How many looks saw each example."""
    counts: Counter[str] = Counter()
    for entry in entries:
        if entry.look is not None:
            counts.update(set(json.loads(get_blob(entry.look.examples))))
    return counts

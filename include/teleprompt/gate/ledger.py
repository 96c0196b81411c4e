"""The ledger of looks at sealed examples: who opened which, when, and what error that look may make.

A look is written down, as tags of its pipeline run, before anything is opened. Looks are counted, not locked: of looks
that begin at one moment each counts the others too, so that none of them gets more of `alpha` than it would have got
one after the other. The looks of deleted runs count as well.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime

from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.encoding.canonical_json import canonical_json, sha256_hex
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.examples import example_digest, good_rows
from teleprompt.program.fields import ProgramFields
from teleprompt.program.state import predictor_states
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import SealedPart, SnapshotPart, read_rows
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import KEY_TAG, PipelineRun, experiment_name, internal_experiment
from teleprompt.tracking.search import PAGE, all_pages
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


LOOKED_AT = "looked_at"
LOOK = "look"
A_YEAR = timedelta(days=365)
EXAMPLE_ID_DIGITS = 16

Asked = tuple[tuple[str, str], ...]
"""The inputs of a call, by name, in a form in which equal ones are alike."""


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
    sealed_rows: int
    """Rows of the gate part, good or not."""
    all_rows: list[TraceRow]
    """All of them, for what is measured beside the comparison."""
    tags_before: Mapping[str, str]
    """What the ledger said of the run before this look; for `restore_look`."""


def alpha_of_next_look(run: PipelineRun, config: ProgramConfig) -> float:
    """The error that a look of `run` may make now.

    Raises:
        TelepromptError: the looks of the last 365 days have used up what they may.
    """
    return _alpha_after(_others_of_last_year(run, config), config)


def open_gate(
    run: PipelineRun,
    *,
    config: ProgramConfig,
    champion: int,
    sealed: SealedPart,
    learnt: Sequence[Blob],
    fields: ProgramFields,
    storage_uri: str,
) -> OpenedGate:
    """Write a look down, then open the gate part.

    Left out are examples that too many looks have seen, and those that a program of the states `learnt` has learnt by
    heart: another window's split may have put them among the training examples.

    Raises:
        TelepromptError: no sealed example is good enough to agree with, all of them are retired, or the year's error is
            used up. Then nothing is compared, and it was no look.
    """
    before = look_tags(run)
    now = _note_that_it_opens(run)
    try:
        others = _others_of_last_year(run, config)
        alpha = _alpha_after(others, config)
        everything, rows = _sealed_rows(sealed, config)
        usable = _usable(rows, _looks_at_each(others), inputs_learnt(learnt, fields), config=config, fields=fields)
        _refuse_none(usable, rows, config)
    except TelepromptError:
        restore_look(run, before)
        raise
    look = _look(usable, number=1 + len(others), alpha=alpha, champion=champion, at=now, storage_uri=storage_uri)
    run.tag(**{LOOK: look.to_stored()})
    return OpenedGate(look, usable.rows, len(everything), everything, before)


def open_window(
    run: PipelineRun,
    *,
    config: ProgramConfig,
    champion: int,
    alpha: float,
    sealed: SealedPart,
    learnt: Sequence[Blob],
    fields: ProgramFields,
    storage_uri: str,
    counts: Callable[[list[TraceRow]], list[TraceRow]],
) -> OpenedGate:
    """Write a look of a trial down, then open the gate part; of its good rows those that `counts` leaves, maybe none.

    `alpha` is what the trial's opening spends of the year's error; later windows spend nothing. As in `open_gate`,
    examples are left out that too many looks have seen or that a program of `learnt` knows by heart.
    """
    before = look_tags(run)
    now = _note_that_it_opens(run)
    others = _others_of_last_year(run, config)
    everything, rows = _sealed_rows(sealed, config)
    known = inputs_learnt(learnt, fields)
    usable = _usable(counts(rows), _looks_at_each(others), known, config=config, fields=fields)
    look = _look(usable, number=1 + len(others), alpha=alpha, champion=champion, at=now, storage_uri=storage_uri)
    run.tag(**{LOOK: look.to_stored()})
    return OpenedGate(look, usable.rows, len(everything), everything, before)


def _note_that_it_opens(run: PipelineRun) -> datetime:
    now = datetime.now(UTC).replace(microsecond=0)
    run.tag(**{LOOKED_AT: format_utc(now)})
    return now


def logged_versions(sealed: SealedPart) -> dict[str, str | None]:
    """The version of the program that each sealed call names; whoever asks has opened them.

    Raises:
        TelepromptError: the file is missing or damaged.
    """
    return {row.trace_id: row.program_version for row in read_rows(SnapshotPart.model_validate(sealed.model_dump()))}


def _sealed_rows(sealed: SealedPart, config: ProgramConfig) -> tuple[list[TraceRow], list[TraceRow]]:
    """All rows of the gate part, and the good ones."""
    everything = read_rows(SnapshotPart.model_validate(sealed.model_dump()))
    return everything, good_rows(everything, min_quality_score=config.least_gate_score)


def _look(usable: "_Usable", *, number: int, alpha: float, champion: int, at: datetime, storage_uri: str) -> Look:
    return Look(
        number=number,
        alpha=alpha,
        champion=champion,
        opened_at=at,
        examples=put_blob(storage_uri, "looks", canonical_json(sorted(usable.ids)), suffix=".json"),
        used=len(usable.ids),
        seen_before=usable.seen_before,
        retired=usable.retired,
    )


def look_tags(run: PipelineRun) -> dict[str, str]:
    """What the ledger says of `run` now; for `restore_look`."""
    tags = run.client.get_run(run.run_id).data.tags
    return {name: tags[f"teleprompt.{name}"] for name in (LOOKED_AT, LOOK) if f"teleprompt.{name}" in tags}


def restore_look(run: PipelineRun, before: Mapping[str, str]) -> None:
    """Take a look of `run` back that saw nothing; one that an earlier try made stands."""
    for name in look_tags(run).keys() - before.keys():
        run.untag(name)
    run.tag(**before)


def _alpha_after(others: Sequence[LedgerEntry], config: ProgramConfig) -> float:
    gate = config.gate
    assumed = gate.alpha / (2 * config.looks_a_year)  # of a look that is just being opened elsewhere
    spent = [entry.look.alpha if entry.look else assumed for entry in others]
    alpha = alpha_of_look(spent, alpha=gate.alpha, looks_a_year=config.looks_a_year)
    if alpha <= 0:
        oldest = min(datetime.fromisoformat(entry.looked_at) for entry in others)
        raise TelepromptError(
            f"The {len(others)} looks of the last 365 days at sealed examples of {config.name} have used up the error "
            f"that they may make (`gate.alpha`); wait until {format_utc(oldest + A_YEAR)}, when the oldest is that old."
        )
    return alpha


@dataclass(frozen=True)
class _Usable:
    rows: list[TraceRow]
    ids: list[str]
    seen_before: int
    retired: int


def _usable(
    rows: list[TraceRow],
    looks: Counter[str],
    known: set[Asked],
    *,
    config: ProgramConfig,
    fields: ProgramFields,
) -> _Usable:
    """The good rows that are still sealed, and that no program knows by heart."""
    most = config.gate.retire_after
    ids = [_id_of(row, config, fields) for row in rows]
    used = [i for i, id_ in enumerate(ids) if looks[id_] < most and _asked(rows[i], fields) not in known]
    return _Usable(
        rows=[rows[i] for i in used],
        ids=[ids[i] for i in used],
        seen_before=sum(looks[ids[i]] > 0 for i in used),
        retired=sum(looks[id_] >= most for id_ in ids),
    )


def _id_of(row: TraceRow, config: ProgramConfig, fields: ProgramFields) -> str:
    """What an example says; of calls whose outcomes are compared each is another, however alike they are."""
    digest = sha256_hex(row.trace_id.encode()) if config.is_off_policy else example_digest(row, fields)
    return digest[:EXAMPLE_ID_DIGITS]


def _refuse_none(usable: _Usable, rows: Sequence[TraceRow], config: ProgramConfig) -> None:
    if not rows:
        raise TelepromptError(
            f"None of the sealed traces of {config.name} reaches the quality score "
            f"{config.optimization.min_quality_score:g}; collect more traces or lower `optimization.min_quality_score`."
        )
    if not usable.rows:
        raise TelepromptError(
            f"All {len(rows)} sealed examples of {config.name} were looked at {config.gate.retire_after} times and are "
            "retired, or are among the programs' own demonstrations; collect newer traces."
        )


def inputs_learnt(states: Sequence[Blob], fields: ProgramFields) -> set[Asked]:
    """The inputs of all demonstrations in these program states."""
    required = {field.name for field in fields.inputs if field.required}
    found = set()
    for state in states:
        for demo in (demo for _, predictor in predictor_states(get_blob(state)) for demo in predictor["demos"]):
            if required <= demo.keys():
                found.add(tuple((f.name, f.comparable(demo[f.name])) for f in fields.inputs if f.name in demo))
    return found


def _asked(row: TraceRow, fields: ProgramFields) -> Asked:
    texts = ((field, row.inputs.get(field.name)) for field in fields.inputs)
    return tuple((field.name, field.comparable(field.from_row(text))) for field, text in texts if text is not None)


def list_looks(client: "MlflowClient", program: str) -> Iterator[LedgerEntry]:
    """All looks at a program's sealed examples, newest first, those of deleted runs too."""
    from mlflow.entities import ViewType

    experiment = internal_experiment(client, experiment_name(program))
    condition = f"tags.`teleprompt.{LOOKED_AT}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    runs = all_pages(
        lambda token: client.search_runs(
            [experiment],
            condition,
            run_view_type=ViewType.ALL,
            max_results=PAGE,
            order_by=["attributes.start_time DESC", "attributes.run_id"],
            page_token=token,
        )
    )
    yield from (_entry(run) for run in runs)


def _entry(run: Any) -> LedgerEntry:
    tags = run.data.tags
    look = tags.get(f"teleprompt.{LOOK}")
    return LedgerEntry(
        run_id=run.info.run_id,
        key=tags[KEY_TAG],
        window_start=tags["teleprompt.window_start"],
        window_end=tags["teleprompt.window_end"],
        looked_at=tags[f"teleprompt.{LOOKED_AT}"],
        look=Look.from_stored(look) if look else None,
        verdict=tags.get("teleprompt.verdict"),
    )


def _others_of_last_year(run: PipelineRun, config: ProgramConfig) -> list[LedgerEntry]:
    since = datetime.now(UTC) - A_YEAR
    return [
        entry
        for entry in list_looks(run.client, config.name)
        if entry.run_id != run.run_id and datetime.fromisoformat(entry.looked_at) > since
    ]


def _looks_at_each(entries: list[LedgerEntry]) -> Counter[str]:
    """How many looks saw each example."""
    counts: Counter[str] = Counter()
    for entry in entries:
        if entry.look is not None:
            counts.update(set(json.loads(get_blob(entry.look.examples))))
    return counts

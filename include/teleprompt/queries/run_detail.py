"""One run in full, from the traces to the attestation, for people who look closely."""

from typing import Any

from teleprompt.attest.codes import UntrustedAttestationError
from teleprompt.attest.stored import AttestationStore
from teleprompt.gate.comparison import Comparison, compared_answers
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.optimize.candidate import PromptMeasure
from teleprompt.optimize.select import CandidateScore, Selection
from teleprompt.program.prompt import Prompt
from teleprompt.program.prompt_diff import PromptDiff, diff_prompts
from teleprompt.queries.history import RunSummary, read_run
from teleprompt.records import Record
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.funnel import FunnelStep
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.pipeline_run import PipelineRun

MOST_EXAMPLES = 50


class RunDetail(Record):
    """A run, as far as it got."""

    run: RunSummary
    funnel: tuple[FunnelStep, ...]
    """From what was logged to what was used."""
    parts: dict[str, int]
    """Traces in each part of the split."""
    candidates: tuple[CandidateScore, ...]
    winner: int | None
    """The chosen seed."""
    comparison: Comparison | None
    opened_by: str | None
    """The run that has the candidate, where it is on trial and another run compiled it."""
    examples: tuple[ComparedAnswer, ...]
    """Sealed examples whose scores differ, those that became worse first; at most 50, and none of an open trial."""
    prompt: PromptDiff | None
    """What changes in the prompt; None before there is a candidate."""
    measure: PromptMeasure | None
    """Of the candidate's prompt; None where it was not measured."""
    attestation: dict[str, Any] | None
    """The document, if one was issued and is still what was issued."""
    distrust: str | None
    """Why the stored document is not shown, if so."""


def read_detail(store: AttestationStore, run_id: str) -> RunDetail | None:
    """The run with that id; None if there is none.

    Raises:
        TelepromptError: what it kept in the storage is missing or damaged.
    """
    client = store.client
    summary = read_run(client, run_id)
    if summary is None:
        return None
    run = PipelineRun(client, run_id)
    record, comparison = run.read("snapshot", SnapshotRecord), run.read("gate", Comparison)
    selection = run.read("selection", Selection)
    opened = opening_run(run, comparison.trial) if comparison else run
    compared = selection if opened.run_id == run_id else opened.read("selection", Selection)
    attestation, distrust = _attestation(store, run_id)
    snapshot = read_snapshot(record) if record else None
    answers = compared_answers(comparison) if comparison and not comparison.is_sealed else []
    return RunDetail(
        run=summary,
        funnel=snapshot.funnel if snapshot else (),
        parts={part.value: snapshot.parts[part].rows for part in Part} if snapshot else {},
        candidates=selection.scores if selection else (),
        winner=selection.winner.seed if selection else None,
        comparison=comparison,
        opened_by=None if opened.run_id == run_id else opened.run_id,
        examples=tuple(answer for answer in answers if answer.change_e6)[:MOST_EXAMPLES],
        prompt=comparison_prompts(comparison) if comparison else None,
        measure=compared.winner.prompt if compared else None,
        attestation=attestation,
        distrust=distrust,
    )


def comparison_prompts(comparison: Comparison) -> PromptDiff:
    """What changes in the prompt from the champion that was compared with to the candidate.

    Raises:
        TelepromptError: a state is missing in the storage, or damaged.
    """
    before, after = (
        Prompt.of_state(get_blob(state)) for state in (comparison.baseline_state, comparison.optimized_state)
    )
    return diff_prompts(before, after)


def _attestation(store: AttestationStore, run_id: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        issued = store.of_run(run_id)
    except UntrustedAttestationError as error:
        return None, str(error)
    return (None if issued is None else issued.attestation.to_dict()), None

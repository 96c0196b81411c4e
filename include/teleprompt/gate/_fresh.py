"""Which of a window's sealed examples count in a trial: those that tell something that nobody has learned."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from teleprompt.config.split import SplitConfig
from teleprompt.config.trial import Returning
from teleprompt.deltaone.units import within_cap
from teleprompt.errors import TelepromptError
from teleprompt.gate.comparison import Comparison, keys_of, stored_answers, units_of
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.gate.trial_records import KnownTrial
from teleprompt.registry.versions import RUN_KEY, ProgramVersion
from teleprompt.traces.grouping import row_units
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import SnapshotRecord, read_rows, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from teleprompt.gate.trial_fold import ComparedAnswer


class FreshRows:
    """The rows that count in a trial's window, and what is known of them."""

    def __init__(self, trial: KnownTrial, window: Window, split: SplitConfig, learnt: Sequence[TraceRow]) -> None:
        self._opening = trial.opening
        self._split = split
        self._learnt = learnt
        self.units: dict[str, str] = {}
        """The unit of each row, by trace."""
        self.keys: dict[str, tuple[str, ...]] = {}
        """What makes it belong to a unit, by trace."""
        self.known: dict[str, ComparedAnswer] = {}
        """Answers of a later window that was scored before: an example is scored once."""
        self._seen_traces: set[str] = set()
        self._seen_units: set[str] = set()
        for scored in trial.windows:
            answers = stored_answers(scored.scores)
            if (scored.window.start_ms, scored.window.end_ms) > (window.start_ms, window.end_ms):
                self.known.update((answer.trace_id, answer) for answer in answers)
            else:
                self._seen_traces.update(answer.trace_id for answer in answers)
                self._seen_units.update(name for answer in answers for name in (answer.unit, *answer.keys))

    def of(self, rows: Sequence[TraceRow]) -> list[TraceRow]:
        """Of `rows` those that no window before has, whose unit nobody learned from, and of each unit not too many."""
        names, keys = units_of(rows, self._split), keys_of(rows, self._split)
        joined = row_units([*rows, *self._learnt], self._split)
        learnt = set(joined[len(rows) :])
        returned: set[str] = set()
        if self._opening.policy.returning is Returning.LEFT_OUT:
            own = zip(names, keys, strict=True)
            returned = {name for name, more in own if not self._seen_units.isdisjoint((name, *more))}
        kept = [
            i
            for i, row in enumerate(rows)
            if row.trace_id not in self._seen_traces and joined[i] not in learnt and names[i] not in returned
        ]
        chosen = within_cap(
            [rows[i].trace_id for i in kept],
            [names[i] for i in kept],
            cap=self._opening.policy.group_cap,
            salt=self._opening.id,
        )
        self.units = {rows[kept[i]].trace_id: names[kept[i]] for i in chosen}
        self.keys = {rows[kept[i]].trace_id: keys[kept[i]] for i in chosen}
        return [rows[kept[i]] for i in chosen]


def learnt_rows(client: "MlflowClient", trial: KnownTrial, champion: ProgramVersion) -> list[TraceRow]:
    """The calls that the candidate or the champion learned from, or was selected on.

    Raises:
        TelepromptError: the snapshot that the candidate was compiled from is not there any more.
    """
    rows = _learnt_in(PipelineRun(client, trial.run_id))
    if rows is None:
        raise TelepromptError(
            f"The MLflow run {trial.run_id}, which opened the trial of {trial.opening.program}, lacks its record "
            "snapshot; restore its artifacts from their backup."
        )
    promoted = _promoted_by(client, champion)
    return [*rows, *((promoted and _learnt_in(promoted)) or [])]


def _learnt_in(run: PipelineRun) -> list[TraceRow] | None:
    record = run.read("snapshot", SnapshotRecord)
    if record is None:
        return None
    parts = read_snapshot(record).parts
    return [row for part in (Part.TRAIN, Part.SELECT) for row in read_rows(parts[part])]


def _promoted_by(client: "MlflowClient", champion: ProgramVersion) -> PipelineRun | None:
    """The run that compiled the champion; None for a program as written."""
    key = client.get_model_version(champion.program, str(champion.number)).tags.get(RUN_KEY)
    run = PipelineRun.find(client, program=champion.program, key_digest=key) if key else None
    comparison = run.read("gate", Comparison) if run else None
    return opening_run(run, comparison.trial) if run and comparison else run

"""The stages that judge a candidate: what a comparison could see, the trial that goes on, the gate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from teleprompt.config.gate import OnLowPower
from teleprompt.config.program import ProgramConfig
from teleprompt.config.trial import Challenge
from teleprompt.deltaone.power import PowerEstimate
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import (
    LowPowerError,
    NothingBetterError,
    NothingToCompareError,
    TelepromptError,
    WindowDoesNotCountError,
)
from teleprompt.gate.comparison import Comparison
from teleprompt.gate.stage import Gate
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.gate.trial_records import KnownTrial
from teleprompt.gate.trial_stage import TrialGate
from teleprompt.lm.meter import Spend
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.promotion import ComparedCandidate
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Digest, Record
from teleprompt.registry.change_log import Action
from teleprompt.registry.changes import note
from teleprompt.registry.versions import ProgramVersion
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.tracking.stage_records import StageRecords


class NothingBetter(Record):
    """What a gate found that compared nothing."""

    why: str


@dataclass(frozen=True)
class Comparing:
    """One run's candidate against the champion; `power` and `gate` are stages, done once per idempotency key."""

    config: ProgramConfig
    key: RunKey
    actor: str
    records: StageRecords
    terms: Callable[[], dict[str, Digest]]
    """What the verdict of a trial depends on, by name."""
    gate_of: Callable[[ProgramFields], Gate]
    note_spend: Callable[[str, Spend], None]

    def power(self, snapshot: SnapshotRecord) -> PowerEstimate:
        """What the comparison could see, before anything is spent on it.

        Raises:
            LowPowerError: it could not see the threshold, and the program asks to skip such a run.
        """

        def stage(run: PipelineRun) -> PowerEstimate:
            taken = read_snapshot(snapshot)
            estimate = self.gate_of(taken.fields).power(run, taken)
            if not estimate.is_enough:
                run.tag(low_power=estimate.in_words)
            return estimate

        estimate = self.records.once("power", PowerEstimate, stage)
        skips = self.config.gate.on_low_power is OnLowPower.SKIP and not self._may_challenge
        if not estimate.is_enough and skips:  # whoever may challenge may have a trial to go on with
            error = LowPowerError(self.config.name, estimate.in_words)
            self._end_without_comparison(str(error))
            raise error
        return estimate

    def trial(self, snapshot: SnapshotRecord, champion: ProgramVersion) -> KnownTrial | None:
        """The trial that this run goes on with; None where it compiles a candidate of its own, if only to challenge.

        Raises:
            WindowDoesNotCountError: it was opened for a later window, or none can be opened; then nothing is done.
        """
        if self.config.trial is None:
            return None
        with self.records.open() as run:
            try:
                gate = self._trial_gate(snapshot)
                found = gate.current(run, champion)
                if found is None:
                    gate.check_room(run)
            except WindowDoesNotCountError as error:
                self._end_without_comparison(str(error))
                raise
        if found is None or found.opening.key == self.key.digest:
            return None
        return None if self._may_challenge and found.is_open else found

    def goes_on(self, snapshot: SnapshotRecord, champion: ProgramVersion) -> bool:
        """Whether there is a trial that the window can be added to without a candidate of its own."""
        if self.config.trial is None:
            return False
        with self.records.open() as run:
            found = self._trial_gate(snapshot).current(run, champion)
        return found is not None and found.is_open

    @property
    def _may_challenge(self) -> bool:
        return self.config.trial is not None and self.config.trial.challenge is Challenge.EVERY_RUN

    def gate(self, snapshot: SnapshotRecord, selection: Selection | None, champion: ProgramVersion) -> Comparison:
        """Compare on the sealed part: the candidate that is on trial, or else the selected one, with the champion.

        Raises:
            NothingBetterError: the candidate is the champion, answers as it does, or was on trial before.
            WindowDoesNotCountError: the window is none of its trial's.
        """

        def stage(run: PipelineRun) -> Comparison:
            spend = partial(self.note_spend, "gate")
            if self.config.trial is not None:
                return self._trial_gate(snapshot).compare(
                    run, snapshot, champion=champion, selection=selection, on_spend=spend
                )
            assert selection is not None  # noqa: S101 - only a trial goes on without one
            taken = read_snapshot(snapshot)
            return self.gate_of(taken.fields).compare(
                run,
                taken,
                champion=champion.number,
                champion_version_id=champion.version_id,
                baseline_state=champion.state,
                optimized_state=selection.state,
                on_spend=spend,
            )

        comparison = self.records.once("gate", Comparison, self._once_nothing_better(stage))
        with self.records.open() as run:
            report = comparison.report
            run.measure(delta=report.delta_e6 / 1e6, n_gate=report.n)
            run.tag(verdict=report.verdict.value)
            if report.verdict is not Verdict.PROMOTE:
                action = Action(report.verdict.value)
                note(run.client, self.config.name, action, key=self.key.digest, who=self.actor, why=report.reason)
                run.end()
        return comparison

    def compared(self) -> ComparedCandidate | None:
        """What the run found until its verdict; None if it did not come so far. Nothing is done for it.

        Of a trial, snapshot, candidate and champion are those of the run that opened it.
        """
        with self.records.open() as run:
            comparison = run.read("gate", Comparison)
            if comparison is None:
                return None
            opened = opening_run(run, comparison.trial)
            found = {
                "snapshot": opened.read("snapshot", SnapshotRecord),
                "selection": opened.read("selection", Selection),
                "baseline": opened.read("baseline", ProgramVersion),
                "comparison": comparison,
            }
        if None in found.values():
            return None
        compared = ComparedCandidate.model_validate(found)
        if comparison.trial is not None and compared.baseline.number != comparison.trial.opening.champion:
            raise TelepromptError(
                f"The run {opened.run_id}, which opened the trial of {self.config.name}, names another champion than "
                "its trial; restore its records from their backup."
            )
        return compared

    def selection_of(self, trial: KnownTrial) -> Selection:
        """The candidate that is on trial."""
        with self.records.open() as run:
            found = PipelineRun(run.client, trial.run_id).read("selection", Selection)
        assert found is not None  # noqa: S101 - it was opened with it
        return found

    def _trial_gate(self, snapshot: SnapshotRecord) -> TrialGate:
        return TrialGate(self.gate_of(read_snapshot(snapshot).fields), self.key, self.terms(), self.actor)

    def _once_nothing_better(self, stage: Callable[[PipelineRun], Comparison]) -> Callable[[PipelineRun], Comparison]:
        """The stage; that it found nothing to compare is a record, too, and raised again when read back."""

        def recorded(run: PipelineRun) -> Comparison:
            known = run.read("nothing_better", NothingBetter)
            if known is not None:
                run.end()
                raise NothingBetterError(self.config.name, known.why)
            try:
                return stage(run)
            except NothingBetterError as error:
                run.write("nothing_better", NothingBetter(why=error.why))
                self._end_without_comparison(str(error))
                raise
            except NothingToCompareError as error:
                self._end_without_comparison(str(error))
                raise

        return recorded

    def _end_without_comparison(self, why: str) -> None:
        with self.records.open() as run:
            run.tag(skipped=why)
            run.end()

"""Putting a candidate on trial, also in the place of another."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from teleprompt.config.gate import Claim
from teleprompt.config.trial import Challenge
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.errors import NothingBetterError, NothingToCompareError
from teleprompt.gate.comparison import answers_of, units_of, verdict_on
from teleprompt.gate.fleet import check_room, one_at_a_time, within_fleet
from teleprompt.gate.stage import Gate
from teleprompt.gate.trial_ledger import find_trial, list_fleet, list_trials, open_trial
from teleprompt.gate.trial_policies import number_of_next, policy_of, relatives_of
from teleprompt.gate.trial_records import EndedBy, Ending, KnownTrial, Opening
from teleprompt.lm.meter import Spend
from teleprompt.optimize.select import Selection
from teleprompt.records import Digest
from teleprompt.registry.versions import ProgramVersion
from teleprompt.storage.blobs import Blob
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey

log = logging.getLogger(__name__)

CHALLENGE_ALPHA = 0.1
"""Two-sided; what is decided by it is only who is on trial."""


@dataclass(frozen=True)
class TrialOpener:
    """One run that has a candidate of its own."""

    gate: Gate
    key: RunKey
    terms: Mapping[str, Digest]
    actor: str
    run: PipelineRun
    record: SnapshotRecord
    champion: ProgramVersion
    on_spend: Callable[[Spend], None]

    def open(
        self, selection: Selection, *, instead_of: tuple[KnownTrial, Ending] | None = None
    ) -> tuple[KnownTrial, Spend] | None:
        """The trial of the selected candidate, and what trying it took; None where another goes on by then.

        Raises:
            NothingBetterError: it is the champion, answers as it does, or was on trial against it before.
            WindowDoesNotCountError: as many trials as were planned for the fleet's year are opened.
        """
        taken, champion = read_snapshot(self.record), self.champion
        self._check_it_is_new(list_trials(self.run.client, self.key.program), selection.state)
        rehearsal = self.gate.rehearse(taken, champion.state, selection.state, self.on_spend)
        search = self.gate.look_for_a_difference(taken, champion.state, selection.state, rehearsal, self.on_spend)

        def opening(trials: Sequence[KnownTrial]) -> Opening:
            self._check_it_is_new(trials, selection.state)  # again: calls take minutes
            return self._opening(selection.state, number=number_of_next(trials))

        with one_at_a_time(self.run.client, self.gate.fleet):
            opened = open_trial(self.run, self.key.program, opening, instead_of=instead_of, who=self.actor)
        if opened is None:
            return None
        return find_trial(self.run.client, self.key.program, opened.id), rehearsal.spend + search

    def challenge(self, trial: KnownTrial, selection: Selection) -> tuple[KnownTrial, Spend] | None:
        """The trial of the selected candidate, if it takes the place of the one on trial; None where that stays."""
        trial_config = self.gate.config.trial
        if trial_config is None or trial_config.challenge is not Challenge.EVERY_RUN:
            return None
        own, on_trial = selection.state, trial.opening.optimized_state
        if own.digest == on_trial.digest:
            return None
        report = self._on_select_examples(read_snapshot(self.record), on_trial, own, trial)
        if report.verdict is not Verdict.PROMOTE:
            log.info("The candidate on trial stays: %s", report.reason_on("select examples"))
            return None
        why = f"challenged by another: {report.reason_on('select examples')}"
        ending = Ending(how=EndedBy.SUPERSEDED, why=why, key=self.key.digest, at=_now())
        try:
            return self.open(selection, instead_of=(trial, ending))
        except NothingToCompareError as error:
            log.info("The candidate on trial stays: %s", error)
            return None

    def _on_select_examples(self, taken: Snapshot, on_trial: Blob, own: Blob, trial: KnownTrial) -> GateReport:
        rows = self.gate.select_rows(taken)
        pair = self.gate.score(rows, on_trial, own, on_lost=self.on_spend)
        self.on_spend(pair.spend)
        threshold_e6 = trial.opening.policy.threshold_e6
        policy = GatePolicy(threshold_e6=threshold_e6, claim=Claim.SIGNIFICANT, alpha=CHALLENGE_ALPHA)
        return verdict_on(answers_of(pair, rows, units_of(rows, self.gate.config.split)), policy, ())

    def _opening(self, state: Blob, *, number: int) -> Opening:
        fleet, trials = self.gate.fleet, list_fleet(self.run.client)
        check_room(self.key.program, fleet, trials)
        return Opening(
            program=self.key.program,
            champion=self.champion.number,
            champion_version_id=self.champion.version_id,
            baseline_state=self.champion.state,
            optimized_state=state,
            policy=within_fleet(policy_of(self.gate.config, number=number), fleet, trials),
            number=number,
            terms=dict(self.terms),
            window=self.key.window,
            snapshot=self.record.manifest,
            key=self.key.digest,
            opened_at=_now(),
            relatives=relatives_of(self.key.program, self.terms, trials),
        )

    def _check_it_is_new(self, trials: Sequence[KnownTrial], state: Blob) -> None:
        program, champion = self.key.program, self.champion
        if state.digest == champion.state.digest:
            raise NothingBetterError(program, "the best candidate is that very program")
        for trial in trials:
            opening, ending = trial.opening, trial.ending
            states = (opening.baseline_state.digest, opening.optimized_state.digest)
            if states != (champion.state.digest, state.digest) or opening.terms != self.terms:
                continue
            if ending is not None and ending.how is not EndedBy.SUPERSEDED:
                raise NothingBetterError(program, f"the best candidate was on trial before, {ending.in_words}")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

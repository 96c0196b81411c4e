"""A window of a trial: its fresh sealed examples scored for both programs, and what all windows show together."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from teleprompt.config.gate import METRIC_VERSION, Claim
from teleprompt.config.trial import Challenge
from teleprompt.deltaone.guardrails import YearSoFar
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.errors import NothingBetterError, TransientError, WindowDoesNotCountError
from teleprompt.evaluate.judge import JudgeAgreement
from teleprompt.evaluate.self_agreement import UnreadableLabelError
from teleprompt.gate._fresh import FreshRows, learnt_rows
from teleprompt.gate.comparison import (
    Comparison,
    answers_of,
    held_back,
    store_answers,
    stored_answers,
    units_of,
    verdict_on,
    window_scores,
)
from teleprompt.gate.dependence import design_effects, undeclared
from teleprompt.gate.ledger import LOOK, Look, look_tags, open_window, restore_look
from teleprompt.gate.stage import NOTHING, SD, Gate
from teleprompt.gate.trial_fold import fold
from teleprompt.gate.trial_ledger import add_window, end_trial, find_trial, list_trials, open_trial
from teleprompt.gate.trial_policies import number_of_next, policy_of, superseded_by, waited_for
from teleprompt.gate.trial_records import EndedBy, Ending, KnownTrial, Opening, ScoredWindow
from teleprompt.gate.year import year_so_far
from teleprompt.lm.meter import Spend
from teleprompt.optimize.select import Selection
from teleprompt.records import Digest
from teleprompt.registry.versions import ProgramVersion
from teleprompt.storage.blobs import Blob
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.tracking.skipped_windows import list_skipped

log = logging.getLogger(__name__)

CHALLENGE_ALPHA = 0.1
"""Two-sided; what is decided by it is only who is on trial."""
MOST_SKIPPED = 500
"""Windows without enough traces that are looked at for gaps."""


@dataclass(frozen=True)
class TrialGate:
    """One program, one run: the trial that its window belongs to."""

    gate: Gate
    key: RunKey
    terms: Mapping[str, Digest]
    """What the scores and the verdict depend on, by name."""
    actor: str
    """Who runs it, for the audit trail."""

    def current(self, run: PipelineRun, champion: ProgramVersion) -> KnownTrial | None:
        """The trial that this run's window is one of, or goes on with; None where it would open one.

        A trial whose champion or terms changed is ended.

        Raises:
            WindowDoesNotCountError: it goes on, and was opened for a later window.
        """
        trials = list_trials(run.client, self.key.program)
        own = [trial for trial in trials if self._is_of(trial)]
        if own:
            return own[-1]
        for trial in [trial for trial in trials if trial.is_open]:
            why = superseded_by(trial.opening, champion=champion, terms=self.terms)
            if why is None:
                self._check_it_counts(trial.opening)
                return trial
            self._end(run, trial, EndedBy.SUPERSEDED, why)
        return None

    def compare(
        self,
        run: PipelineRun,
        record: SnapshotRecord,
        *,
        champion: ProgramVersion,
        selection: Selection | None,
        on_spend: Callable[[Spend], None] = lambda _spend: None,
    ) -> Comparison:
        """Score this window's examples for the trial, which is opened with the `selection` where there is none.

        Raises:
            NothingBetterError: the candidate is the champion, answers as it does, or was on trial against it before.
            WindowDoesNotCountError: the window is none of the trial's.
        """
        taken = read_snapshot(record)
        self.gate.check_guardrails(taken)
        trial = self.current(run, champion)
        spent = NOTHING
        if trial is not None and self._is_challenged(run, taken, trial, selection, on_spend):
            trial = None
        if trial is None:
            trial, spent = self._open(run, taken, champion=champion, selection=selection, on_spend=on_spend)
        added = _Added()
        if all(scored.window != self.key.window for scored in trial.windows):
            added = self._add_window(run, record, taken, trial, champion, spent=spent, on_spend=on_spend)
        trial = find_trial(run.client, self.key.program, trial.opening.id)
        year = year_so_far(run.client, champion) if self.gate.config.gate.guardrails else {}
        return self._decided(run, taken, trial, added, year)

    def _is_of(self, trial: KnownTrial) -> bool:
        own = self.key.digest
        return trial.opening.key == own or any(scored.key == own for scored in trial.windows)

    def _check_it_counts(self, opening: Opening) -> None:
        if self.key.window.start < opening.window.start:
            raise WindowDoesNotCountError(
                self.key.program,
                f"its trial was opened with the window {opening.window}, and only those at or after that one count, "
                "whatever they would show",
            )

    def _is_challenged(
        self,
        run: PipelineRun,
        taken: Snapshot,
        trial: KnownTrial,
        selection: Selection | None,
        on_spend: Callable[[Spend], None],
    ) -> bool:
        """Whether this run's own candidate takes the place of the one on trial, which is ended then."""
        config = self.gate.config
        asked = config.trial is not None and config.trial.challenge is Challenge.EVERY_RUN
        if not asked or selection is None or self._is_of(trial) or not trial.is_open:
            return False
        own, on_trial = selection.state, trial.opening.optimized_state
        if own.digest in {on_trial.digest, trial.opening.baseline_state.digest}:
            return False
        rows = self.gate.select_rows(taken)
        pair = self.gate.score(rows, on_trial, own)
        on_spend(pair.spend)
        policy = GatePolicy(
            threshold_e6=trial.opening.policy.threshold_e6, claim=Claim.SIGNIFICANT, alpha=CHALLENGE_ALPHA
        )
        report = verdict_on(answers_of(pair, rows, units_of(rows, config.split)), policy, ())
        if report.verdict is not Verdict.PROMOTE:
            log.info("The candidate on trial stays: %s", report.reason_on("select examples"))
            return False
        self._end(run, trial, EndedBy.SUPERSEDED, f"challenged by another: {report.reason_on('select examples')}")
        return True

    def _open(
        self,
        run: PipelineRun,
        taken: Snapshot,
        *,
        champion: ProgramVersion,
        selection: Selection | None,
        on_spend: Callable[[Spend], None],
    ) -> tuple[KnownTrial, Spend]:
        config = self.gate.config
        if selection is None:
            raise WindowDoesNotCountError(
                config.name, "the trial that it was to go on with ended meanwhile; the next run compiles anew"
            )
        trials = list_trials(run.client, config.name)
        self._check_it_is_new(trials, champion, selection.state)
        rehearsal = self.gate.rehearse(taken, champion.state, selection.state, on_spend)
        search = self.gate.look_for_a_difference(taken, champion.state, selection.state, rehearsal, on_spend)
        number = number_of_next(trials)
        opening = Opening(
            program=config.name,
            champion=champion.number,
            champion_version_id=champion.version_id,
            baseline_state=champion.state,
            optimized_state=selection.state,
            policy=policy_of(config, number=number),
            number=number,
            terms=dict(self.terms),
            window=self.key.window,
            key=self.key.digest,
            opened_at=datetime.now(UTC).replace(microsecond=0),
        )
        if open_trial(run, opening, who=self.actor) is None:  # another run was faster: its candidate is on trial
            found = self.current(run, champion)
            if found is None:
                raise TransientError(f"A trial of {config.name} was opened and ended meanwhile; try again.")
            return found, NOTHING
        return find_trial(run.client, config.name, opening.id), rehearsal.spend + search

    def _check_it_is_new(self, trials: Sequence[KnownTrial], champion: ProgramVersion, state: Blob) -> None:
        program = self.gate.config.name
        if state.digest == champion.state.digest:
            raise NothingBetterError(program, "the best candidate is that very program")
        for trial in trials:
            opening, ending = trial.opening, trial.ending
            states = (opening.baseline_state.digest, opening.optimized_state.digest)
            if states != (champion.state.digest, state.digest) or opening.terms != self.terms:
                continue
            if ending is not None and ending.how is not EndedBy.SUPERSEDED:
                raise NothingBetterError(program, f"the best candidate was on trial before, {ending.in_words}")

    def _add_window(
        self,
        run: PipelineRun,
        record: SnapshotRecord,
        taken: Snapshot,
        trial: KnownTrial,
        champion: ProgramVersion,
        *,
        spent: Spend,
        on_spend: Callable[[Spend], None],
    ) -> "_Added":
        gate, opening = self.gate, trial.opening
        states = opening.baseline_state, opening.optimized_state
        before = sum((scored.spend for scored in trial.windows), NOTHING)
        if opening.key != self.key.digest:
            spent = gate.rehearse(taken, *states, on_spend, spent=before).spend
        tags = look_tags(run)
        learnt = learnt_rows(run.client, trial, champion)
        fresh = FreshRows(trial, self.key.window, gate.config.split, learnt)
        opened = open_window(
            run,
            config=gate.config,
            champion=opening.champion,
            alpha=opening.policy.level + opening.policy.harm_level if opening.key == self.key.digest else 0.0,
            sealed=taken.gate,
            learnt=states,
            fields=gate.fields,
            storage_uri=gate.storage_uri,
            counts=fresh.of,
        )
        asked = [row for row in opened.rows if row.trace_id not in fresh.known]
        answers = [fresh.known[row.trace_id] for row in opened.rows if row.trace_id in fresh.known]
        judge = None
        if asked:
            try:
                pair = gate.score(asked, *states, spent=before + spent, judged=opened.all_rows)
            except UnreadableLabelError:  # found before anything was scored
                restore_look(run, tags)
                raise
            on_spend(pair.spend)
            spent, judge = spent + pair.spend, pair.judge
            answers += answers_of(pair, asked, [fresh.units[row.trace_id] for row in asked])
        answers.sort(key=lambda answer: (answer.change_e6, answer.trace_id))
        add_window(
            run,
            ScoredWindow(
                trial=opening.id,
                window=self.key.window,
                key=self.key.digest,
                scores=store_answers(answers, gate.storage_uri),
                n=len(answers),
                snapshot=record.manifest,
                spend=spent,
                scored_at=datetime.now(UTC).replace(microsecond=0),
            ),
        )
        effects = design_effects(opened.rows, answers)
        if hint := undeclared(effects, gate.config.split):
            log.warning("%s: %s", self.key.program, hint)
        return _Added(judge, effects)

    def _decided(
        self, run: PipelineRun, taken: Snapshot, trial: KnownTrial, added: "_Added", year: dict[str, YearSoFar]
    ) -> Comparison:
        """What the trial's windows show; it ends here if they decide and no other run ended it."""
        config, opening = self.gate.config, trial.opening
        report = fold(window_scores(trial), opening.policy, config.gate.guardrails, year=year)
        report = held_back(report, self._end_if_decided(run, trial, report))
        trial = find_trial(run.client, config.name, opening.id)
        log.info("%s: %s", report.verdict, report.reason)
        run.tag(**{SD: str(report.sd_e6)})
        own = next(scored for scored in trial.windows if scored.window == self.key.window)
        answers = stored_answers(own.scores)
        return Comparison(
            report=report,
            look=self._look_at(run, own),
            metric=config.gate.headline,
            metric_version=METRIC_VERSION,
            sealed_rows=taken.gate.rows,
            baseline_state=opening.baseline_state,
            optimized_state=opening.optimized_state,
            guardrails=config.gate.guardrails,
            scores=own.scores,
            failures={
                "baseline": _failures([answer.baseline.failure for answer in answers]),
                "optimized": _failures([answer.optimized.failure for answer in answers]),
            },
            judge=added.judge,
            design_effects=added.design_effects,
            year=year,
            spend=own.spend,
            decided_at=datetime.now(UTC).replace(microsecond=0),
            trial=trial.at_this_moment(),
        )

    def _end_if_decided(self, run: PipelineRun, trial: KnownTrial, report: GateReport) -> str | None:
        """End a trial that is decided; why this run does not, though it is, if so."""
        assert report.trial is not None  # noqa: S101 - it comes from a fold
        if not report.trial.decided:
            ended = trial.ending
            return f"the trial ended before, {ended.in_words}" if ended and ended.key != self.key.digest else None
        config = self.gate.config
        if trial.ending is None:
            skipped = list_skipped(run.client, config.name, limit=MOST_SKIPPED)
            patience, now = timedelta(days=config.max_wait_days), datetime.now(UTC)
            missing = waited_for(report.trial.gaps, trial, skipped, patience=patience, now=now)
            if missing:
                return f"{report.trial.verdict} by these figures, but not before the window {missing[0]} is scored too"
        how = EndedBy.EXPIRED if report.trial.expired else EndedBy(report.verdict.value)
        ending = trial.ending or self._end(run, trial, how, report.reason)
        if ending.key != self.key.digest:
            return f"another run ended the trial, {ending.in_words}"
        return None

    def _end(self, run: PipelineRun, trial: KnownTrial, how: EndedBy, why: str) -> Ending:
        ending = Ending(how=how, why=why, key=self.key.digest, at=datetime.now(UTC).replace(microsecond=0))
        return end_trial(run.client, trial, ending, who=self.actor)

    def _look_at(self, run: PipelineRun, scored: ScoredWindow) -> Look:
        """The look that scored a window, of whichever run."""
        opened = PipelineRun.find(run.client, program=self.key.program, key_digest=scored.key) or run
        return Look.from_stored(look_tags(opened)[LOOK])


@dataclass(frozen=True)
class _Added:
    """What only the run knows that scored a window itself."""

    judge: JudgeAgreement | None = None
    design_effects: dict[str, float] = field(default_factory=dict)


def _failures(kinds: Sequence[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(kind for kind in kinds if kind is not None).items()))

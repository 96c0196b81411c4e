"""A window of a trial: its fresh sealed examples scored for both programs, and what all windows show together."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from teleprompt.config.gate import METRIC_VERSION
from teleprompt.deltaone.guardrails import YearSoFar
from teleprompt.deltaone.report import GateReport
from teleprompt.errors import TransientError, WindowDoesNotCountError
from teleprompt.evaluate.judge import JudgeAgreement
from teleprompt.evaluate.self_agreement import UnreadableLabelError
from teleprompt.gate._fresh import FreshRows, learnt_rows
from teleprompt.gate.comparison import (
    Comparison,
    answers_of,
    held_back,
    store_answers,
    stored_answers,
    window_scores,
)
from teleprompt.gate.dependence import design_effects, undeclared
from teleprompt.gate.fleet import check_room
from teleprompt.gate.labels import LabelReport
from teleprompt.gate.ledger import logged_versions, look_tags, open_window, restore_look
from teleprompt.gate.public_log import log_openings
from teleprompt.gate.stage import NOTHING, SD, Gate
from teleprompt.gate.trial_fold import fold
from teleprompt.gate.trial_ledger import add_window, end_trial, find_trial, list_fleet, list_trials, record_opening
from teleprompt.gate.trial_opening import TrialOpener
from teleprompt.gate.trial_policies import superseded_by, waited_for
from teleprompt.gate.trial_records import EndedBy, Ending, KnownTrial, ScoredWindow, TrialState
from teleprompt.gate.year import year_so_far
from teleprompt.lm.meter import Spend
from teleprompt.optimize.select import Selection
from teleprompt.records import Digest
from teleprompt.registry.versions import ProgramVersion
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.tracking.skipped_windows import list_skipped

log = logging.getLogger(__name__)

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
            WindowDoesNotCountError: it goes on, and was opened for a later window, or is held up.
        """
        trials = list_trials(run.client, self.key.program)
        own = [trial for trial in trials if self._is_of(trial)]
        if own:
            return self._own(run, own[-1], champion)
        for trial in [trial for trial in trials if trial.is_open]:
            why = superseded_by(trial.opening, champion=champion, terms=self.terms)
            if why is None:
                self._check_it_counts(trial)
                return trial
            self._end(run, trial, EndedBy.SUPERSEDED, why)
        return None

    def check_room(self, run: PipelineRun) -> None:
        """Refuse to open a trial, before anything is spent on a candidate.

        Raises:
            WindowDoesNotCountError: as many as were planned for the fleet's year are opened.
        """
        check_room(self.key.program, self.gate.fleet, list_fleet(run.client))

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
        trial, spent = self._opened(run, record, champion, selection, on_spend)
        added = _Added()
        if all(scored.window != self.key.window for scored in trial.windows):
            added = self._add_window(run, record, taken, trial, champion, spent=spent, on_spend=on_spend)
        trial = find_trial(run.client, self.key.program, trial.opening.id)
        year = year_so_far(run.client, champion) if self.gate.config.gate.guardrails else {}
        return self._decided(run, taken, trial, added, year)

    def _own(self, run: PipelineRun, trial: KnownTrial, champion: ProgramVersion) -> KnownTrial:
        """The run's own trial, where it can still be decided, or was."""
        why = superseded_by(trial.opening, champion=champion, terms=self.terms) if trial.is_open else None
        if why is not None:
            self._end(run, trial, EndedBy.SUPERSEDED, why)
            raise WindowDoesNotCountError(self.key.program, f"its trial ended, for {why}")
        if trial.is_open:
            self._check_it_is_not_held_up(trial)
        if trial.opening.key == self.key.digest:
            record_opening(run.client, trial.opening, who=self.actor)
            self._log_opening(run, trial)
        return trial

    def _log_opening(self, run: PipelineRun, trial: KnownTrial) -> None:
        """Into the public log, before anything is looked at; with the key elsewhere, whoever attests does it."""
        config = self.gate.public_log
        if config is not None and config.key is not None:
            log_openings(run.client, self.gate.storage_uri, config, [trial.opening])

    def _opened(
        self,
        run: PipelineRun,
        record: SnapshotRecord,
        champion: ProgramVersion,
        selection: Selection | None,
        on_spend: Callable[[Spend], None],
    ) -> tuple[KnownTrial, Spend | None]:
        """The trial of this window, and what opening it took; None where it was open before."""
        opener = TrialOpener(self.gate, self.key, self.terms, self.actor, run, record, champion, on_spend)
        trial = self.current(run, champion)
        if trial is not None:
            if selection is None or not trial.is_open or self._is_of(trial):
                return trial, None
            challenged = opener.challenge(trial, selection)
            if challenged is not None:
                self._log_opening(run, challenged[0])
            return challenged or (trial, None)
        if selection is None:
            raise WindowDoesNotCountError(
                self.key.program, "the trial that it was to go on with ended meanwhile; the next run compiles anew"
            )
        opened = opener.open(selection)
        if opened is not None:
            self._log_opening(run, opened[0])
            return opened
        trial = self.current(run, champion)  # another run was faster: its candidate is on trial
        if trial is None:
            raise TransientError(f"A trial of {self.key.program} was opened and ended meanwhile; try again.")
        return trial, None

    def _is_of(self, trial: KnownTrial) -> bool:
        own = self.key.digest
        return trial.opening.key == own or any(scored.key == own for scored in trial.windows)

    def _check_it_is_not_held_up(self, trial: KnownTrial) -> None:
        if trial.pause is not None:
            raise WindowDoesNotCountError(
                self.key.program,
                f"its trial is paused {trial.pause.in_words}; after `teleprompt trial resume` run the window again",
            )

    def _check_it_counts(self, trial: KnownTrial) -> None:
        opening = trial.opening
        self._check_it_is_not_held_up(trial)
        if self.key.window.start < opening.window.start:
            raise WindowDoesNotCountError(
                self.key.program,
                f"its trial was opened with the window {opening.window}, and only those at or after that one count, "
                "whatever they would show",
            )

    def _add_window(
        self,
        run: PipelineRun,
        record: SnapshotRecord,
        taken: Snapshot,
        trial: KnownTrial,
        champion: ProgramVersion,
        *,
        spent: Spend | None,
        on_spend: Callable[[Spend], None],
    ) -> "_Added":
        gate, opening = self.gate, trial.opening
        states = opening.baseline_state, opening.optimized_state
        before = sum((scored.spend for scored in trial.windows), NOTHING)
        if spent is None:
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
                pair = gate.score(asked, *states, spent=before + spent, judged=opened.all_rows, on_lost=on_spend)
            except UnreadableLabelError:  # found before anything was scored
                restore_look(run, tags)
                raise
            on_spend(pair.spend)
            spent, judge = spent + pair.spend, pair.judge
            units, keys = [fresh.units[row.trace_id] for row in asked], [fresh.keys[row.trace_id] for row in asked]
            answers += answers_of(pair, asked, units, keys)
        answers.sort(key=lambda answer: (answer.change_e6, answer.trace_id))
        add_window(
            run,
            self.key.program,
            ScoredWindow(
                trial=opening.id,
                window=self.key.window,
                key=self.key.digest,
                scores=store_answers(answers, gate.storage_uri),
                look=opened.look,
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
        own = next(scored for scored in trial.windows if scored.window == self.key.window)
        answers = stored_answers(own.scores)
        champion = (opening.champion_version_id, str(opening.champion))
        labels = self.gate.labels_of(answers, logged_versions(taken.gate), champion=champion)
        report = held_back(report, self._end_if_decided(run, trial, report, labels))
        ending = find_trial(run.client, config.name, opening.id).ending
        folded = TrialState(opening=opening, windows=trial.windows, ending=ending)
        log.info("%s: %s", report.verdict, report.reason)
        run.tag(**{SD: str(report.sd_e6)})
        return Comparison(
            report=report,
            look=own.look,
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
            labels=labels,
            spend=own.spend,
            decided_at=datetime.now(UTC).replace(microsecond=0),
            trial=folded,
        )

    def _end_if_decided(
        self, run: PipelineRun, trial: KnownTrial, report: GateReport, labels: LabelReport
    ) -> str | None:
        """End a trial that is decided; why this run does not, though it is, if so."""
        assert report.trial is not None  # noqa: S101 - it comes from a fold
        if not report.trial.decided:
            ended = trial.ending
            return f"the trial ended before, {ended.in_words}" if ended and ended.key != self.key.digest else None
        config = self.gate.config
        if trial.ending is None and not report.trial.expired and labels.cannot_tell is not None:
            return labels.cannot_tell
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
        if ending.how is not how:
            return f"these figures say {how}, but the trial ended before, {ending.in_words}"
        return None

    def _end(self, run: PipelineRun, trial: KnownTrial, how: EndedBy, why: str) -> Ending:
        ending = Ending(how=how, why=why, key=self.key.digest, at=datetime.now(UTC).replace(microsecond=0))
        return end_trial(run.client, trial, ending, who=self.actor)


@dataclass(frozen=True)
class _Added:
    """What only the run knows that scored a window itself."""

    judge: JudgeAgreement | None = None
    design_effects: dict[str, float] = field(default_factory=dict)


def _failures(kinds: Sequence[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(kind for kind in kinds if kind is not None).items()))

"""The gate of one run: what it could see, and what it says."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.config.fleet import FleetConfig
from teleprompt.config.gate import AGREEMENT, EXACT, F1, JUDGE, LATENCY, MEASURED, GateConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.public_log import PublicLogConfig
from teleprompt.deltaone.power import PowerEstimate, estimate_power, estimate_trial_power
from teleprompt.errors import ConfigurationError, NothingBetterError
from teleprompt.evaluate.examples import good_rows
from teleprompt.evaluate.self_agreement import UnreadableLabelError
from teleprompt.gate._rehearsal import CALLS, Rehearsal, RehearsalJob, check_budget, check_rehearsal
from teleprompt.gate._same_answers import SameAnswers, SameAnswersJob, same_answers
from teleprompt.gate._score_pair import PairJob, ScoreNames, ScoreNamesJob, judged_sample
from teleprompt.gate.comparison import Comparison, PairScores, compare
from teleprompt.gate.fleet import within_fleet
from teleprompt.gate.labels import LabelReport, report_on_labels
from teleprompt.gate.ledger import alpha_of_next_look, open_gate, restore_look
from teleprompt.gate.off_policy import cannot_estimate
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.gate.trial_ledger import list_fleet
from teleprompt.gate.trial_policies import number_of_next, policy_of
from teleprompt.lm.meter import Spend
from teleprompt.optimize.optimization import Optimization
from teleprompt.program.fields import ProgramFields
from teleprompt.records import to_millionths
from teleprompt.registry.listing import list_versions
from teleprompt.registry.scoreboard import scoreboard_of
from teleprompt.storage.blobs import Blob
from teleprompt.traces.in_production import propensities
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot, read_rows
from teleprompt.traces.split import Part
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import PipelineRun, experiment_name, internal_experiment
from teleprompt.tracking.search import NEWEST_WINDOW_FIRST

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

SD = "sd_e6"
NOTHING = Spend()
LEAST_EXAMPLES = 10
"""Of fewer select examples it says little that both programs answer them alike."""
LABELS_ONLY = (AGREEMENT, EXACT, F1)
"""Metrics that read the outputs which calls have a label for, and no other."""


@dataclass(frozen=True)
class Gate:
    """One program, one run, one environment."""

    config: ProgramConfig
    fields: ProgramFields
    optimization: Optimization
    storage_uri: str
    fleet: FleetConfig
    public_log: PublicLogConfig | None = None
    """Where trials are written down before they look at anything; None, or without a key, whoever attests does it."""

    def power(self, run: PipelineRun, snapshot: Snapshot) -> PowerEstimate:
        """What a comparison on this snapshot's sealed examples could see; no model is asked, and no example opened."""
        config = self.config
        n, known_sd_e6 = expected_examples(snapshot), last_sd_e6(run.client, config.name)
        if config.trial is not None:
            trials = list_fleet(run.client)
            number = number_of_next([trial for trial in trials if trial.opening.program == config.name])
            policy = within_fleet(policy_of(config, number=number), self.fleet, trials)
            estimate = estimate_trial_power(n=n, policy=policy, known_sd_e6=known_sd_e6)
        else:
            estimate = estimate_power(
                n=n,
                threshold_e6=to_millionths(config.optimization.deltaone_threshold),
                alpha=alpha_of_next_look(run, config),
                known_sd_e6=known_sd_e6,
            )
        log.log(logging.INFO if estimate.is_enough else logging.WARNING, "%s", estimate.in_words)
        for line in scoreboard_of(list_versions(run.client, config.name)):
            if line.misled:
                log.warning("What is compared has misled before: %s.", line.in_words)
        return estimate

    def compare(
        self,
        run: PipelineRun,
        snapshot: Snapshot,
        *,
        champion: int,
        champion_version_id: str,
        baseline_state: Blob,
        optimized_state: Blob,
        on_spend: Callable[[Spend], None] = lambda _spend: None,
    ) -> Comparison:
        """Open the sealed examples, and compare the candidate with the champion on them.

        `on_spend` is told what each part of the work cost.

        Raises:
            NothingBetterError: the candidate is the champion, or answers as it does; then it was no look.
            UnreadableLabelError: too many of their labels cannot be compared; then it was no look.
        """
        config = self.config
        if optimized_state.digest == baseline_state.digest:
            raise NothingBetterError(config.name, "the best candidate is that very program")
        self.check_guardrails(snapshot)
        rehearsal = self.rehearse(snapshot, baseline_state, optimized_state, on_spend)
        spend = rehearsal.spend + self.look_for_a_difference(
            snapshot, baseline_state, optimized_state, rehearsal, on_spend
        )
        opened = open_gate(
            run,
            config=config,
            champion=champion,
            sealed=snapshot.gate,
            learnt=[baseline_state, optimized_state],
            fields=self.fields,
            storage_uri=self.storage_uri,
        )
        try:
            pair = self.score(
                opened.rows,
                baseline_state,
                optimized_state,
                spent=spend,
                judged=opened.all_rows,
                on_lost=on_spend,
            )
        except UnreadableLabelError:  # found before anything was scored
            restore_look(run, opened.tags_before)
            raise
        on_spend(pair.spend)
        versions = {row.trace_id: row.program_version for row in opened.rows}
        explored = propensities(run.client, config=config, window=snapshot.window) if config.is_off_policy else None
        comparison = compare(
            pair,
            opened,
            baseline_state=baseline_state,
            optimized_state=optimized_state,
            config=config.gate,
            threshold=config.optimization.deltaone_threshold,
            split=config.split,
            spent_before=spend,
            storage_uri=self.storage_uri,
            labels_of=lambda answers: self.labels_of(answers, versions, champion=(champion_version_id, str(champion))),
            explored=explored,
            pending=cannot_estimate(snapshot, pair) if config.is_off_policy else None,
            outcome_name=config.outcome.score_name,
        )
        run.tag(**{SD: str(comparison.report.sd_e6)})
        return comparison

    def labels_of(
        self, answers: Sequence[ComparedAnswer], versions: Mapping[str, str | None], *, champion: Sequence[str]
    ) -> LabelReport:
        """What is known of the labels; `champion` is how a call may name the champion."""
        return report_on_labels(answers, versions, config=self.config, champion=champion)

    def score(
        self,
        rows: Sequence[TraceRow],
        baseline_state: Blob,
        optimized_state: Blob,
        *,
        spent: Spend = NOTHING,
        judged: Sequence[TraceRow] = (),
        on_lost: Callable[[Spend], None] = lambda _spend: None,
    ) -> PairScores:
        """The scores of both programs on examples; `spent` was spent of the budget before.

        Where a language model is the metric, it grades a sample of the logged answers of `judged`, too. `on_lost` is
        told what was spent where an error is raised.

        Raises:
            UnreadableLabelError: too many of their labels cannot be compared.
            TelepromptError: too many calls failed, or the budget was reached.
        """
        gate = self.config.gate
        job = PairJob(
            self.optimization.without_secrets(),
            baseline_state,
            optimized_state,
            rows=tuple(rows),
            judged=judged_sample(judged, gate.judge.sample) if gate.metric == JUDGE else (),
            spent=spent,
            afresh=_measures_time(gate),
            with_logged=self.config.is_off_policy,
        )
        return self.optimization.in_process(job, PairScores, on_lost=on_lost)

    def rehearse(
        self,
        snapshot: Snapshot,
        baseline_state: Blob,
        optimized_state: Blob,
        on_spend: Callable[[Spend], None],
        *,
        spent: Spend = NOTHING,
    ) -> Rehearsal:
        """Call both programs on a few examples that are not sealed.

        Raises:
            TelepromptError: a comparison would be worthless, or dearer than it may be after what was `spent`.
        """
        optimization, config = self.optimization, self.config
        job = RehearsalJob(
            optimization.without_secrets(), baseline_state, optimized_state, tuple(self.select_rows(snapshot)[:CALLS])
        )
        rehearsal = optimization.in_process(job, Rehearsal, on_lost=on_spend)
        on_spend(rehearsal.spend)
        check_rehearsal(rehearsal)
        check_budget(rehearsal, config.gate.budget, examples=expected_examples(snapshot), spent=spent)
        return rehearsal

    def look_for_a_difference(
        self,
        snapshot: Snapshot,
        baseline_state: Blob,
        optimized_state: Blob,
        rehearsal: Rehearsal,
        on_spend: Callable[[Spend], None],
    ) -> Spend:
        """Call both programs on examples that are not sealed, while they answer alike; what that took.

        Raises:
            NothingBetterError: they answer alike on all of them.
        """
        optimization, config = self.optimization, self.config
        rows = self.select_rows(snapshot)
        few = len(rows) < LEAST_EXAMPLES
        if few or config.gate.metric not in LABELS_ONLY or not same_answers(rehearsal.baseline, rehearsal.optimized):
            return NOTHING
        search = SameAnswersJob(
            optimization.without_secrets(), baseline_state, optimized_state, tuple(rows), rehearsal.spend
        )
        found = optimization.in_process(search, SameAnswers, on_lost=on_spend)
        on_spend(found.spend)
        if found.alike:
            raise NothingBetterError(
                config.name, f"the best candidate gives the same answers to all {found.n} select examples"
            )
        return found.spend

    def select_rows(self, snapshot: Snapshot) -> list[TraceRow]:
        """The good examples that a candidate was chosen on; they are not sealed."""
        least = self.config.optimization.min_quality_score
        return good_rows(read_rows(snapshot.parts[Part.SELECT]), min_quality_score=least)

    def check_guardrails(self, snapshot: Snapshot) -> None:
        """Refuse a guardrail on a score that the metric does not give, before a look is spent on it.

        Raises:
            ConfigurationError: naming the scores that there are.
        """
        named = [g.metric for g in self.config.gate.guardrails if g.metric not in MEASURED]
        if not named:
            return
        row = read_rows(snapshot.parts[Part.SELECT])[0]
        given = self.optimization.in_process(ScoreNamesJob(self.optimization.without_secrets(), row), ScoreNames).names
        for name in named:
            if name not in given:
                raise ConfigurationError(
                    f"The guardrail {name!r} is none of {', '.join(MEASURED)} and no score of the metric "
                    f"({', '.join(given)}); correct `gate.guardrails`."
                )


def expected_examples(snapshot: Snapshot) -> int:
    """Sealed examples that are good enough to be compared with; counted when sealed, for nobody reads them before."""
    gate = snapshot.gate
    return gate.rows if gate.good is None else gate.good


def _measures_time(gate: GateConfig) -> bool:
    """Whether latencies are compared: an answer of weeks ago was given under another load."""
    return any(guardrail.metric == LATENCY for guardrail in gate.guardrails)


def last_sd_e6(client: "MlflowClient", program: str) -> int | None:
    """Deviation of the differences in the newest window that was compared; None without one, or if all were alike."""
    experiment = internal_experiment(client, experiment_name(program))
    found = client.search_runs(
        [experiment],
        f"tags.`teleprompt.{SD}` != '' AND tags.`teleprompt.program` = {quoted(program)}",
        max_results=1,
        order_by=NEWEST_WINDOW_FIRST,
    )
    return int(found[0].data.tags[f"teleprompt.{SD}"]) or None if found else None

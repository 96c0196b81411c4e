"""What becomes of a version in production: a challenger that has to prove itself, a champion that is watched."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from include.teleprompt.attest.issue import AttestationRecord
from include.teleprompt.config.production import OnRegression
from include.teleprompt.config.program import CRON_PRESETS, ProgramConfig, runs_within
from include.teleprompt.config.settings import Settings
from include.teleprompt.deltaone.online import ObservedCall, OnlineDecision, OnlineReport, compare_online
from include.teleprompt.deltaone.report import Verdict
from include.teleprompt.deltaone.spending import alpha_of_look
from include.teleprompt.errors import TelepromptError
from include.teleprompt.promotion import attest_online
from include.teleprompt.records import Record, to_millionths
from include.teleprompt.registry.changes import (
    CHALLENGER,
    CHAMPION,
    Action,
    Change,
    ChangeState,
    aliases_of,
    list_changes,
    promote,
    rollback,
    withdraw,
)
from include.teleprompt.registry.versions import RUN_KEY, VERSION_ID
from include.teleprompt.traces.in_production import AnsweredCall, calls_of_versions
from include.teleprompt.traces.outcomes import OutcomeFit
from include.teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from include.teleprompt.tracking.connection import mlflow_client
from include.teleprompt.tracking.pipeline_run import PipelineRun
from include.teleprompt.window import Window, format_utc

log = logging.getLogger(__name__)

DECISION = "online"
"""Record of the pipeline run: the decision that made its version champion."""


class WatchOutcome(StrEnum):
    """What a look at production came to."""

    NOTHING = "nothing"
    """There is no version to look at."""
    UNDECIDED = "undecided"
    """There are too few outcomes to tell, or they are missing unequally."""
    PROMOTED = "promoted"
    WITHDRAWN = "withdrawn"
    STEADY = "steady"
    """The champion does no worse than the version before, as far as can be told."""
    REGRESSED = "regressed"
    ROLLED_BACK = "rolled_back"


class ProductionReport(Record):
    """One look at production."""

    outcome: WatchOutcome
    version: str | None
    why: str
    decision: OnlineDecision | None = None
    attestation: AttestationRecord | None = None


@dataclass(frozen=True)
class Production:
    """One program in production."""

    config: ProgramConfig
    settings: Settings
    actor: str
    """Who changes versions, for the log of changes."""

    def look(self, *, now: datetime | None = None) -> ProductionReport:
        """Decide on the challenger if there is one, else look whether the champion did worse than the one before."""
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        with mlflow_client(self.settings.tracking_uri) as client:
            aliases = aliases_of(client, self.config.name)
            self._finish(client, aliases)
            look = self._judge_challenger if CHALLENGER in aliases else self._watch_champion
            report = look(client, aliases, now)
        log.info("%s: %s (%s)", self.config.name, report.outcome, report.why)
        return report

    def _judge_challenger(self, client: Any, aliases: dict[str, int], now: datetime) -> ProductionReport:
        challenger = _Version.read(client, self.config.name, aliases[CHALLENGER])
        change = _last_challenge(list_changes(client, self.config.name), challenger.number)
        if change is None:
            why = "nothing in the log of changes says since when it is challenger"
            return self._withdraw(client, challenger, why)
        champion = _Version.read(client, self.config.name, change.before[CHAMPION])
        if aliases.get(CHAMPION) != champion.number:
            return self._withdraw(client, challenger, "another version became champion meanwhile")
        run = self._run_of(client, challenger)
        span = Window(start=change.at, end=self._mature(change.at, now))
        days = self.config.rollout.claim_days
        decision = self._compare(
            client,
            (champion, challenger),
            (span, span),
            phase=_Phase(change, self.config.gate.alpha, self._looks_within(days)),
            fits=_fits(run),
            now=now,
        )
        match decision.report.verdict:
            case Verdict.PROMOTE:
                return self._promote(run, champion, challenger, decision)
            case Verdict.REJECT:
                return self._withdraw(client, challenger, f"online: {decision.report.reason}", decision)
        if now - change.at > timedelta(days=days) + self.config.outcome.maturity:
            late = f"no decision on the calls of {days} days: {decision.report.reason}"
            return self._withdraw(client, challenger, late, decision)
        return _report(WatchOutcome.UNDECIDED, challenger, decision.report.reason, decision)

    def _promote(
        self, run: PipelineRun, champion: "_Version", challenger: "_Version", decision: OnlineDecision
    ) -> ProductionReport:
        """The decision is kept first, so that a look that is cut off after it is finished by the next one."""
        run.write(DECISION, decision)
        why = f"online: {decision.report.reason}"
        moved = promote(
            run.client, self.config.name, challenger.number, instead_of=champion.number, who=self.actor, why=why
        )
        if moved is not None and moved.action is not Action.PROMOTE:
            return self._withdraw(run.client, challenger, moved.why, decision)
        attestation = attest_online(
            run, config=self.config, settings=self.settings, number=challenger.number, decision=decision
        )
        return _report(WatchOutcome.PROMOTED, challenger, decision.report.reason, decision, attestation)

    def _withdraw(
        self, client: Any, challenger: "_Version", why: str, decision: OnlineDecision | None = None
    ) -> ProductionReport:
        withdraw(client, self.config.name, challenger.number, who=self.actor, why=why)
        return _report(WatchOutcome.WITHDRAWN, challenger, why, decision)

    def _watch_champion(self, client: Any, aliases: dict[str, int], now: datetime) -> ProductionReport:
        """Compare the champion's calls since its promotion with those of the version before until then.

        They were made at different times, so what changed in the world is in it too; a rollout with a share is not
        open to that.
        """
        change = _promotion_of(list_changes(client, self.config.name), aliases)
        if change is None:
            why = "no promotion to watch: the champion is the program as written, or was rolled back to"
            return ProductionReport(outcome=WatchOutcome.NOTHING, version=None, why=why)
        watch, span = self.config.watch, timedelta(days=self.config.watch.days)
        champion = _Version.read(client, self.config.name, aliases[CHAMPION])
        before = _Version.read(client, self.config.name, change.before[CHAMPION])
        if now - change.at > span + self.config.outcome.maturity:
            why = f"promoted {format_utc(change.at)}, longer ago than the {watch.days} days that are watched"
            return ProductionReport(outcome=WatchOutcome.NOTHING, version=champion.version_id, why=why)
        decision = self._compare(
            client,
            (before, champion),
            (
                Window(start=change.at - span, end=change.at),
                Window(start=change.at, end=self._mature(change.at, now)),
            ),
            phase=_Phase(change, watch.alpha, self._looks_within(watch.days)),
            fits=_fits(self._run_of(client, champion)),
            now=now,
        )
        said = decision.report
        if said.missing_unequally or not said.baseline.calls or not said.optimized.calls:
            return _report(WatchOutcome.UNDECIDED, champion, said.reason, decision)
        if not self._regressed(said):
            return _report(WatchOutcome.STEADY, champion, said.reason, decision)
        client.set_model_version_tag(self.config.name, str(champion.number), "regression", said.reason[:500])
        if watch.on_regression is OnRegression.ALERT:
            return _report(WatchOutcome.REGRESSED, champion, said.reason, decision)
        moved = rollback(
            client,
            self.config.name,
            to=before.number,
            instead_of=champion.number,
            who=self.actor,
            why=f"regression in production: {said.reason}",
        )
        if moved is None:
            return _report(WatchOutcome.NOTHING, champion, "another version became champion meanwhile", decision)
        return _report(WatchOutcome.ROLLED_BACK, champion, said.reason, decision)

    def _regressed(self, report: OnlineReport) -> bool:
        beyond = report.ci_high_e6 < -to_millionths(self.config.watch.tolerance)
        return beyond and report.p_value_e6 <= to_millionths(report.alpha)

    def _compare(
        self,
        client: Any,
        versions: tuple["_Version", "_Version"],
        spans: tuple[Window, Window],
        *,
        phase: "_Phase",
        fits: Sequence[OutcomeFit],
        now: datetime,
    ) -> OnlineDecision:
        """The calls of the first version in the first span against those of the second in the second."""
        self._check_outcome(fits)
        baseline, optimized = versions
        if spans[0] == spans[1]:
            calls = calls_of_versions(
                client, config=self.config, window=spans[0], tags={**baseline.tags, **optimized.tags}, fits=fits
            )
            arms = [[call for call in calls if call.version == version.version_id] for version in versions]
        else:
            arms = [
                calls_of_versions(client, config=self.config, window=span, tags=version.tags, fits=fits)
                for version, span in zip(versions, spans, strict=True)
            ]
        report = compare_online(
            _observed(arms[0]),
            _observed(arms[1]),
            versions=(baseline.version_id, optimized.version_id),
            threshold_e6=to_millionths(self.config.optimization.deltaone_threshold),
            claim=self.config.gate.claim,
            alpha=self._alpha(client, optimized, phase, arms),
        )
        return OnlineDecision(report=report, observed=spans[1], decided_at=now)

    def _alpha(
        self, client: Any, version: "_Version", phase: "_Phase", arms: Sequence[Sequence[AnsweredCall]]
    ) -> float:
        """The error that this look may make, written down before it is made.

        Only new outcomes make a new look: a look at none, and one that is tried again, cost nothing.
        """
        seen = [sum(call.score_e6 is not None for call in arm) for arm in arms]
        tag = f"online_looks.{phase.change.change_id}"
        kept = client.get_model_version(self.config.name, str(version.number)).tags.get(tag)
        looks: dict[str, Any] = json.loads(kept) if kept else {"spent": [], "seen": [0, 0]}
        if 0 in seen or seen == looks["seen"]:
            return float(looks["spent"][-1]) if looks["spent"] else phase.alpha
        alpha = alpha_of_look(looks["spent"], alpha=phase.alpha, looks_a_year=phase.looks)
        looks = {"spent": [*looks["spent"], alpha], "seen": seen}
        client.set_model_version_tag(self.config.name, str(version.number), tag, json.dumps(looks))
        return alpha

    def _check_outcome(self, fits: Sequence[OutcomeFit]) -> None:
        known, asked = {fit.metric for fit in fits}, {metric.metric for metric in self.config.outcome.metrics}
        if known != asked:
            raise TelepromptError(
                f"The outcome of {self.config.name} was {', '.join(sorted(known))} when its version was made and is "
                f"{', '.join(sorted(asked))} now, so its calls cannot be compared; run the pipeline anew, or "
                "name the former metrics again."
            )

    def _looks_within(self, days: int) -> int:
        schedule = self.config.watch.schedule
        return runs_within(CRON_PRESETS.get(schedule, schedule), days=days)

    def _mature(self, since: datetime, now: datetime) -> datetime:
        """Until when calls must have started for their outcomes to be in; never before `since`."""
        return max(now - self.config.outcome.maturity, since + timedelta(milliseconds=1))

    def _finish(self, client: Any, aliases: dict[str, int]) -> None:
        """Issue the attestation that a look did not get to after it had promoted."""
        if CHAMPION not in aliases:
            return
        champion = _Version.read(client, self.config.name, aliases[CHAMPION])
        run = self._known_run(client, champion)
        decision = run and run.read(DECISION, OnlineDecision)
        if run and decision and not run.is_tagged("attestation_id"):
            attest_online(run, config=self.config, settings=self.settings, number=champion.number, decision=decision)

    def _run_of(self, client: Any, version: "_Version") -> PipelineRun:
        found = self._known_run(client, version)
        if not found:
            raise TelepromptError(
                f"The pipeline run that made version {version.version_id} of {self.config.name} is not in MLflow any "
                "more; restore it, or roll back to another version."
            )
        return found

    def _known_run(self, client: Any, version: "_Version") -> PipelineRun | None:
        if version.run_key is None:
            return None
        return PipelineRun.find(client, program=self.config.name, key_digest=version.run_key)


@dataclass(frozen=True)
class _Version:
    number: int
    version_id: str
    run_key: str | None

    @classmethod
    def read(cls, client: Any, name: str, number: int) -> "_Version":
        tags = client.get_model_version(name, str(number)).tags
        return cls(number, tags.get(VERSION_ID, str(number)), tags.get(RUN_KEY))

    @property
    def tags(self) -> dict[str, str]:
        """How a call may name it."""
        return {self.version_id: self.version_id, str(self.number): self.version_id}


@dataclass(frozen=True)
class _Phase:
    """A time in which a version is looked at again and again, and the error of all these looks together."""

    change: Change
    alpha: float
    looks: int
    """That are planned."""


def _report(
    outcome: WatchOutcome,
    version: _Version,
    why: str,
    decision: OnlineDecision | None,
    attestation: AttestationRecord | None = None,
) -> ProductionReport:
    return ProductionReport(
        outcome=outcome, version=version.version_id, why=why, decision=decision, attestation=attestation
    )


def _last_challenge(changes: Sequence[Change], number: int) -> Change | None:
    """The last change that made the version challenger."""
    for change in changes:
        done = change.action is Action.CHALLENGE and change.state is ChangeState.DONE
        if done and change.after.get(CHALLENGER) == number:
            return change
    return None


def _promotion_of(changes: Sequence[Change], aliases: dict[str, int]) -> Change | None:
    """The promotion that made the champion what it is, if that was the last that happened to the alias."""
    for change in changes:
        if change.state is ChangeState.DONE and change.before.get(CHAMPION) != change.after.get(CHAMPION):
            promoted = change.action is Action.PROMOTE and change.after.get(CHAMPION) == aliases.get(CHAMPION)
            return change if promoted and CHAMPION in change.before else None
    return None


def _fits(run: PipelineRun) -> tuple[OutcomeFit, ...]:
    """How outcomes became scores when the run's version was made."""
    record = run.read("snapshot", SnapshotRecord)
    if record is None:
        raise TelepromptError(f"The MLflow run {run.run_id} holds no snapshot any more; restore its artifacts.")
    return read_snapshot(record).outcome_fits


def _observed(calls: Sequence[AnsweredCall]) -> list[ObservedCall]:
    return [ObservedCall(key=call.key, score_e6=call.score_e6) for call in calls]

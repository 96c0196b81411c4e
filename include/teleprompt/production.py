"""What becomes of a version in production: a challenger that has to prove itself, a champion that is watched."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from include.teleprompt.attest.issue import AttestationRecord, compose_attestation, issue_attestation
from include.teleprompt.canonical import sha256_hex
from include.teleprompt.config.production import OnRegression
from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.config.settings import Settings
from include.teleprompt.deltaone.compare import Comparison
from include.teleprompt.deltaone.online import ObservedCall, OnlineDecision, OnlineReport, compare_online
from include.teleprompt.deltaone.report import Verdict
from include.teleprompt.deltaone.spending import alpha_of_look
from include.teleprompt.errors import TelepromptError
from include.teleprompt.optimize.select import Selection
from include.teleprompt.promotion import keep_attestation
from include.teleprompt.records import Record, to_millionths
from include.teleprompt.registry.changes import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Action,
    Change,
    ChangeState,
    aliases_of,
    list_changes,
    promote,
    rollback,
    withdraw,
)
from include.teleprompt.registry.versions import RUN_KEY, VERSION_ID, ProgramVersion, read_artifacts
from include.teleprompt.traces.in_production import AnsweredCall, calls_of_versions
from include.teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from include.teleprompt.tracking.connection import mlflow_client
from include.teleprompt.tracking.pipeline_run import PipelineRun
from include.teleprompt.window import Window, format_utc

log = logging.getLogger(__name__)

LOOKS = "online_looks"
"""Tag of a version: how often its calls were looked at."""

DECISION = "online"
"""Record of the pipeline run: the decision that made its version champion."""


class WatchOutcome(StrEnum):
    """What a look at production came to."""

    NOTHING = "nothing"
    """There is no version to look at."""
    UNDECIDED = "undecided"
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
            if CHALLENGER in aliases:
                report = self._judge_challenger(client, aliases, now)
            else:
                report = self._watch_champion(client, aliases, now)
        log.info("%s: %s (%s)", self.config.name, report.outcome, report.why)
        return report

    def _judge_challenger(self, client: Any, aliases: dict[str, int], now: datetime) -> ProductionReport:
        challenger = _Version.read(client, self.config.name, aliases[CHALLENGER])
        change = _last(list_changes(client, self.config.name), Action.CHALLENGE, CHALLENGER, challenger.number)
        champion = _Version.read(client, self.config.name, change.before[CHAMPION])
        if aliases.get(CHAMPION) != champion.number:
            return self._withdraw(client, challenger, "another version became champion meanwhile", None)
        run = self._run_of(client, challenger)
        decision = self._compare(
            client,
            champion,
            challenger,
            snapshot=_snapshot(run),
            spans=[Window(start=change.at, end=self._mature(change.at, now))] * 2,
            alpha=alpha_of_look(
                self._count_look(client, challenger),
                alpha=self.config.gate.alpha,
                looks_a_year=self.config.rollout.claim_days,
            ),
            now=now,
        )
        said = decision.report
        if said.verdict is Verdict.PROMOTE:
            run.write(DECISION, decision)
            moved = promote(
                client,
                self.config.name,
                challenger.number,
                instead_of=champion.number,
                who=self.actor,
                why=f"online: {said.reason}",
            )
            if moved is None or moved.action is Action.PROMOTE:
                attestation = self._attest(client, run, challenger, decision)
                return _report(WatchOutcome.PROMOTED, challenger, said.reason, decision, attestation)
            return self._withdraw(client, challenger, moved.why, decision)
        if said.verdict is Verdict.REJECT:
            return self._withdraw(client, challenger, f"online: {said.reason}", decision)
        if now - change.at > timedelta(days=self.config.rollout.claim_days):
            late = f"no decision within {self.config.rollout.claim_days} days: {said.reason}"
            return self._withdraw(client, challenger, late, decision)
        return _report(WatchOutcome.UNDECIDED, challenger, said.reason, decision)

    def _withdraw(
        self, client: Any, challenger: "_Version", why: str, decision: OnlineDecision | None
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
        span = timedelta(days=self.config.watch.days)
        champion = _Version.read(client, self.config.name, aliases[CHAMPION])
        before = _Version.read(client, self.config.name, change.before[CHAMPION])
        if now - change.at > span + self.config.outcome.maturity:
            why = (
                f"promoted {format_utc(change.at)}, longer ago than the {self.config.watch.days} days that are watched"
            )
            return ProductionReport(outcome=WatchOutcome.NOTHING, version=champion.version_id, why=why)
        decision = self._compare(
            client,
            before,
            champion,
            snapshot=_snapshot(self._run_of(client, champion)),
            spans=[
                Window(start=change.at - span, end=change.at),
                Window(start=change.at, end=self._mature(change.at, now)),
            ],
            alpha=alpha_of_look(
                self._count_look(client, champion), alpha=self.config.watch.alpha, looks_a_year=self.config.watch.days
            ),
            now=now,
        )
        if not self._regressed(decision.report):
            return _report(WatchOutcome.STEADY, champion, decision.report.reason, decision)
        client.set_model_version_tag(self.config.name, str(champion.number), "regression", decision.report.reason[:500])
        if self.config.watch.on_regression is OnRegression.ALERT:
            return _report(WatchOutcome.REGRESSED, champion, decision.report.reason, decision)
        rollback(
            client,
            self.config.name,
            to=before.number,
            instead_of=champion.number,
            who=self.actor,
            why=f"regression in production: {decision.report.reason}",
        )
        return _report(WatchOutcome.ROLLED_BACK, champion, decision.report.reason, decision)

    def _regressed(self, report: OnlineReport) -> bool:
        tolerance_e6 = to_millionths(self.config.watch.tolerance)
        return (
            not report.missing_unequally
            and report.p_value_e6 <= to_millionths(report.alpha)
            and report.ci_high_e6 < -tolerance_e6
        )

    def _compare(
        self,
        client: Any,
        baseline: "_Version",
        optimized: "_Version",
        *,
        snapshot: Snapshot,
        spans: Sequence[Window],
        alpha: float,
        now: datetime,
    ) -> OnlineDecision:
        """The calls of `baseline` in the first span against those of `optimized` in the second."""
        calls = [
            calls_of_versions(client, config=self.config, window=span, tags=version.tags, fits=snapshot.outcome_fits)
            for version, span in zip((baseline, optimized), spans, strict=True)
        ]
        gate = self.config.gate
        report = compare_online(
            _observed(calls[0]),
            _observed(calls[1]),
            versions=(baseline.version_id, optimized.version_id),
            threshold_e6=to_millionths(self.config.optimization.deltaone_threshold),
            claim=gate.claim,
            alpha=alpha,
        )
        return OnlineDecision(report=report, observed=spans[1], decided_at=now)

    def _count_look(self, client: Any, version: "_Version") -> int:
        """Write down that the version's calls are looked at, before they are; which look it is."""
        tags = client.get_model_version(self.config.name, str(version.number)).tags
        number = int(tags.get(LOOKS, 0)) + 1
        client.set_model_version_tag(self.config.name, str(version.number), LOOKS, str(number))
        return number

    def _mature(self, since: datetime, now: datetime) -> datetime:
        """Until when calls must have started for their outcomes to be in; never before `since`."""
        return max(now - self.config.outcome.maturity, since + timedelta(milliseconds=1))

    def _finish(self, client: Any, aliases: dict[str, int]) -> None:
        """Issue the attestation that a look did not get to after it had promoted."""
        if CHAMPION not in aliases:
            return
        champion = _Version.read(client, self.config.name, aliases[CHAMPION])
        if champion.run_key is None:
            return
        run = self._run_of(client, champion)
        decision = run.read(DECISION, OnlineDecision)
        if decision is not None and run.read("attestation", AttestationRecord) is None:
            self._attest(client, run, champion, decision)

    def _attest(
        self, client: Any, run: PipelineRun, version: "_Version", decision: OnlineDecision
    ) -> AttestationRecord:
        done = run.read("attestation", AttestationRecord)
        if done is not None:
            return done
        comparison, baseline = run.read("gate", Comparison), run.read("baseline", ProgramVersion)
        selection, record = run.read("selection", Selection), run.read("snapshot", SnapshotRecord)
        if comparison is None or baseline is None or selection is None or record is None:
            raise TelepromptError(f"The MLflow run {run.run_id} lacks records of version {version.version_id}.")
        entity = client.get_model_version(self.config.name, str(version.number))
        attestation = compose_attestation(
            program=self.config.name,
            strategy=entity.tags["strategy"],
            outcome_metric=self.config.outcome.metric,
            snapshot=read_snapshot(record),
            selection=selection,
            comparison=comparison,
            baseline_version=baseline.version_id,
            optimized_version=version.version_id,
            code_digest=sha256_hex(read_artifacts(client, entity)["code.py"]),
            online=decision,
        )
        issued = issue_attestation(attestation, signer=self.settings.signer, storage_uri=self.settings.storage_uri)
        run.write("attestation", issued)
        client.set_model_version_tag(self.config.name, str(version.number), "attestation_id", issued.attestation_id)
        keep_attestation(run, issued)
        return issued

    def _run_of(self, client: Any, version: "_Version") -> PipelineRun:
        found = version.run_key and PipelineRun.find(client, program=self.config.name, key_digest=version.run_key)
        if not found:
            raise TelepromptError(
                f"The pipeline run that made version {version.version_id} of {self.config.name} is not in MLflow any "
                "more; restore it, or roll back to another version."
            )
        return found


@dataclass(frozen=True)
class _Version:
    number: int
    version_id: str
    run_key: str | None

    @classmethod
    def read(cls, client: Any, name: str, number: int) -> "_Version":
        found = client.get_model_version(name, str(number))
        return cls(number, found.tags[VERSION_ID], found.tags.get(RUN_KEY))

    @property
    def tags(self) -> dict[str, str]:
        """How a call may name it."""
        return {self.version_id: self.version_id, str(self.number): self.version_id}


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


def _last(changes: Sequence[Change], action: Action, alias: str, number: int) -> Change:
    """The last change that gave `alias` to the version."""
    return next(
        change
        for change in changes
        if change.action is action and change.state is ChangeState.DONE and change.after.get(alias) == number
    )


def _promotion_of(changes: Sequence[Change], aliases: dict[str, int]) -> Change | None:
    """The promotion that made the champion what it is, if that was the last that happened to the alias."""
    for change in changes:
        if change.state is ChangeState.DONE and change.before.get(CHAMPION) != change.after.get(CHAMPION):
            promoted = change.action is Action.PROMOTE and change.after.get(CHAMPION) == aliases.get(CHAMPION)
            return change if promoted and PREVIOUS in aliases else None
    return None


def _snapshot(run: PipelineRun) -> Snapshot:
    record = run.read("snapshot", SnapshotRecord)
    if record is None:
        raise TelepromptError(f"The MLflow run {run.run_id} holds no snapshot any more; restore its artifacts.")
    return read_snapshot(record)


def _observed(calls: Sequence[AnsweredCall]) -> list[ObservedCall]:
    return [ObservedCall(key=call.key, score_e6=call.score_e6) for call in calls]

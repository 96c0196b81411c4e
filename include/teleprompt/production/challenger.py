"""A challenger is promoted, withdrawn, or waited for, by the outcomes of its own calls beside the champion's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from teleprompt.attest.bundle_calls import KEPT
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.online_doubts import Doubt
from teleprompt.deltaone.online_guardrails import OnlineGuardrail
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.pipeline.online_attestation import attest_online
from teleprompt.production._comparison import Calls, ComparedCalls
from teleprompt.production._guardrails import checked
from teleprompt.production._versions import KnownVersion, outcome_fits
from teleprompt.production.report import ProductionReport, WatchOutcome, report_of
from teleprompt.production.shadow import shadow_report
from teleprompt.registry.aliases import CHALLENGER, CHAMPION
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes
from teleprompt.registry.changes import promote, ramp, withdraw
from teleprompt.traces.in_production import calls_of_versions
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


YEAR = timedelta(days=365)
WEEK = timedelta(days=7)
SIGN_OF_HARM_E6 = 200_000
"""Two-sided p-value: without harm one look in ten is like that. It costs a step of a ramp, and no verdict."""
LEAST_LEVEL = 1e-6
"""Of a challenger that comes when those before it have used the error of a year up; a millionth beyond it."""

DECISION = "online"
"""Record of the pipeline run: the decision that made its version champion."""


@dataclass(frozen=True)
class ChallengerTrial:
    """The challenger of one program."""

    config: ProgramConfig
    settings: Settings
    actor: str
    """Who promotes or withdraws, for the log of changes."""

    def judge(self, client: "MlflowClient", aliases: dict[str, int], now: datetime) -> ProductionReport:
        """Promote, withdraw, or wait for more outcomes."""
        calls = Calls(self.config)
        challenger = KnownVersion.read(client, self.config.name, aliases[CHALLENGER])
        changes = list_changes(client, self.config.name)
        change = _last_challenge(changes, challenger.number)
        if change is None:
            why = "nothing in the log of changes says since when it is challenger"
            return self._withdraw(client, challenger, why)
        champion = KnownVersion.read(client, self.config.name, change.before[CHAMPION])
        if aliases.get(CHAMPION) != champion.number:
            return self._withdraw(client, challenger, "another version became champion meanwhile")
        run = challenger.run(client, self.config.name)
        if run is None:
            return self._withdraw(client, challenger, "the pipeline run that made it is not in MLflow any more")
        span = Window(start=change.at, end=calls.mature(change.at, now))
        days = self.config.rollout.claim_days
        level = level_of_challenger(changes, change, alpha=self.config.gate.alpha, claim_days=days)
        compared = calls.decide(client, (champion, challenger), span, level=level, fits=outcome_fits(run), now=now)
        since = max((change.at, *(until for until, _ in challenger.past_shares)))
        period = Window(start=since, end=now) if since < now else None  # the share may be of this very second
        guardrails = self._guardrails(client, (champion, challenger), period, run) if period else ()
        broken = "; ".join(one.reason for one in guardrails if not one.holds)
        if broken:
            report = self._taken_back(client, challenger, compared.decision, broken, now=now)
        else:
            report = self._judged(client, run, champion, challenger, compared, began=change.at, since=since, now=now)
        learnt = shadow_report(compared.answered, challenger.version_id)
        return report.model_copy(update={"guardrails": guardrails, "shadow": learnt})

    def _guardrails(
        self, client: "MlflowClient", versions: tuple[KnownVersion, KnownVersion], new: Window, run: PipelineRun
    ) -> tuple[OnlineGuardrail, ...]:
        """On all calls since the last step: how long they took is known before what came of them."""
        guardrails = self.config.rollout.guardrails
        if not guardrails or new.end <= new.start:
            return ()
        champion, challenger = versions
        calls = calls_of_versions(
            client,
            config=self.config,
            window=new,
            tags={**champion.tags, **challenger.tags},
            fits=outcome_fits(run),
        )
        return checked(guardrails, calls, challenger)

    def _taken_back(
        self, client: "MlflowClient", challenger: KnownVersion, decision: OnlineDecision, broken: str, *, now: datetime
    ) -> ProductionReport:
        """A step of the ramp, at once; from the first one there is no way back but out."""
        step = self.config.rollout.share_before(challenger.share)
        if step is None:
            return self._withdraw(client, challenger, f"a guardrail of production does not hold: {broken}", decision)
        why = f"share {challenger.share:g} -> {step:g}, with a guardrail broken: {broken} ({format_utc(now)})"
        ramp(client, self.config.name, challenger.number, share=step, at=now, who=self.actor, why=why)
        return report_of(WatchOutcome.UNDECIDED, challenger, why, decision)

    def _judged(
        self,
        client: "MlflowClient",
        run: PipelineRun,
        champion: KnownVersion,
        challenger: KnownVersion,
        compared: ComparedCalls,
        *,
        began: datetime,
        since: datetime,
        now: datetime,
    ) -> ProductionReport:
        decision, days = compared.decision, self.config.rollout.claim_days
        match decision.report.verdict:
            case Verdict.PROMOTE:
                return self._promote(run, champion, challenger, compared)
            case Verdict.REJECT:
                return self._withdraw(client, challenger, f"online: {decision.report.reason}", decision)
        if decision.report.is_futile:
            futile = f"a gain worth having is as good as ruled out: {decision.report.reason}"
            return self._withdraw(client, challenger, futile, decision)
        if now - began > timedelta(days=days) + self.config.outcome.maturity:
            late = f"no decision on the calls of {days} days: {decision.report.reason}"
            return self._withdraw(client, challenger, late, decision)
        why = self._ramped(client, challenger, decision, since=since, now=now) or decision.report.reason
        return report_of(WatchOutcome.UNDECIDED, challenger, why, decision)

    def _ramped(
        self,
        client: "MlflowClient",
        challenger: KnownVersion,
        decision: OnlineDecision,
        *,
        since: datetime,
        now: datetime,
    ) -> str | None:
        """Raise the share after a whole week without a sign of harm, take it back where there is one; what was done."""
        report, rollout = decision.report, self.config.rollout
        if report.weeks is None or now - since < WEEK:
            return None
        harms = report.delta_e6 < 0 and report.p_value_e6 <= SIGN_OF_HARM_E6
        step = rollout.share_before(challenger.share) if harms else rollout.share_after(challenger.share)
        if step is None or (not harms and _is_doubtful(report.blocked or "")):
            return None
        sign = "a sign of harm" if harms else "no sign of harm"
        why = f"share {challenger.share:g} -> {step:g}, with {sign}: {report.reason} ({format_utc(now)})"
        done = ramp(client, self.config.name, challenger.number, share=step, at=now, who=self.actor, why=why)
        return None if done is None else why

    def _promote(
        self, run: PipelineRun, champion: KnownVersion, challenger: KnownVersion, compared: ComparedCalls
    ) -> ProductionReport:
        """The decision is kept first, so that a look that is cut off after it is finished by the next one."""
        decision = compared.decision
        run.write(KEPT, compared.keep(self.settings.storage_uri))
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
        return report_of(WatchOutcome.PROMOTED, challenger, decision.report.reason, decision, attestation)

    def _withdraw(
        self, client: "MlflowClient", challenger: KnownVersion, why: str, decision: OnlineDecision | None = None
    ) -> ProductionReport:
        withdraw(client, self.config.name, challenger.number, who=self.actor, why=why)
        return report_of(WatchOutcome.WITHDRAWN, challenger, why, decision)


def _is_doubtful(blocked: str) -> bool:
    """Whether more speaks against the comparison than that it is short."""
    return any(doubt in blocked for doubt in Doubt if doubt is not Doubt.TOO_SHORT)


def level_of_challenger(changes: Sequence[Change], change: Change, *, alpha: float, claim_days: int) -> float:
    """The one-sided error of a challenger: all of any 365 days share half of `alpha`, in the order in which they came.

    As many are planned for a year as fit into it. The level follows from the log of changes, so that whoever looks
    finds the same.
    """
    planned = math.ceil(YEAR / timedelta(days=claim_days))
    spent: list[tuple[datetime, float]] = []
    for one in sorted(changes, key=lambda change: change.at):
        if one.action is not Action.CHALLENGE or one.state is not ChangeState.DONE or one.at > change.at:
            continue
        within = [error for at, error in spent if one.at - at < YEAR]
        spent.append((one.at, alpha_of_look(within, alpha=alpha, looks_a_year=planned)))
    return max(spent[-1][1] / 2, LEAST_LEVEL) if spent else alpha / 2


def _last_challenge(changes: Sequence[Change], number: int) -> Change | None:
    """The last change that made the version challenger."""
    for change in changes:
        done = change.action is Action.CHALLENGE and change.state is ChangeState.DONE
        if done and change.after.get(CHALLENGER) == number:
            return change
    return None

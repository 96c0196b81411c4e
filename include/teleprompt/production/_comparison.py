"""Comparing the calls of two versions, with an error that many looks share."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from teleprompt.attest.bundle_calls import KeptCall, KeptCalls, keep_calls
from teleprompt.config.cron import PRESETS, fires_within
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.decide_online import decide_online
from teleprompt.deltaone.online import ObservedCall, compare_online
from teleprompt.deltaone.online_calls import Call
from teleprompt.deltaone.online_doubts import Doubt
from teleprompt.deltaone.online_policy import OnlinePolicy
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.errors import TelepromptError
from teleprompt.production._versions import KnownVersion
from teleprompt.records import MILLION, to_millionths
from teleprompt.registry.change_log import Change
from teleprompt.traces.in_production import AnsweredCall, calls_of_versions
from teleprompt.traces.outcomes import OutcomeFit
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Phase:
    """A time in which a version is looked at again and again, and the error of all these looks together."""

    change: Change
    alpha: float
    looks: int
    """That are planned."""


@dataclass(frozen=True)
class ComparedCalls:
    """A decision, with what it follows from."""

    decision: OnlineDecision
    policy: OnlinePolicy
    calls: tuple[KeptCall, ...]
    answered: tuple[AnsweredCall, ...] = ()
    """All calls of both since the challenger came."""

    def keep(self, storage_uri: str) -> KeptCalls:
        """Store the calls."""
        return keep_calls(storage_uri, self.policy, self.calls)


@dataclass(frozen=True)
class Calls:
    """The calls of one program in production."""

    config: ProgramConfig

    def decide(
        self,
        client: "MlflowClient",
        versions: tuple[KnownVersion, KnownVersion],
        span: Window,
        *,
        level: float,
        fits: Sequence[OutcomeFit],
        now: datetime,
    ) -> ComparedCalls:
        """The calls of a challenger, the second version, beside those of the champion in the same time.

        A call that does not say what the challenger's share was is taken to be of that which it had then.
        """
        self._check_outcome(fits)
        champion, challenger = versions
        answered = calls_of_versions(
            client, config=self.config, window=span, tags={**champion.tags, **challenger.tags}, fits=fits
        )
        calls = [
            Call(
                key=call.key,
                arm="challenger" if call.version == challenger.version_id else "champion",
                share=challenger.share_at(at) if call.share is None else call.share,
                at=at,
                outcome=None if call.score_e6 is None else call.score_e6 / MILLION,
            )
            for call in answered
            for at in [datetime.fromtimestamp(call.started_at_ms / 1000, UTC)]
        ]
        policy = self._policy(level)
        report = decide_online(
            calls,
            policy,
            since=span.start,
            until=span.end,
            versions=(champion.version_id, challenger.version_id),
        )
        if any(call.key is None for call in calls):
            report = report.undecided(
                Doubt.KEYS_NOT_LOGGED.because("calls name no key; log the key of `choose_version` as `group` with each")
            )
        kept = tuple(
            (
                one.trace_id,
                call.key or "",
                call.arm == "challenger",
                to_millionths(call.share),
                one.started_at_ms,
                one.score_e6,
            )
            for one, call in zip(answered, calls, strict=True)
        )
        decision = OnlineDecision(report=report, observed=span, decided_at=now)
        return ComparedCalls(decision, policy, kept, tuple(answered))

    def _policy(self, level: float) -> OnlinePolicy:
        rollout = self.config.rollout
        return OnlinePolicy(
            level=level,
            threshold=self.config.optimization.deltaone_threshold,
            claim=self.config.gate.claim,
            missing=rollout.missing,
            minimum_days=rollout.minimum_days,
            claim_days=rollout.claim_days,
        )

    def compare(
        self,
        client: "MlflowClient",
        versions: tuple[KnownVersion, KnownVersion],
        spans: tuple[Window, Window],
        *,
        phase: Phase,
        fits: Sequence[OutcomeFit],
        now: datetime,
    ) -> OnlineDecision:
        """The calls of the first version in the first span against those of the second in the second."""
        self._check_outcome(fits)
        baseline, optimized = versions
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
        self, client: "MlflowClient", version: KnownVersion, phase: Phase, arms: Sequence[Sequence[AnsweredCall]]
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

    def looks_within(self, days: int) -> int:
        """How often the watch looks at the calls of so many days, until the last of them is mature."""
        schedule = self.config.watch.schedule
        until = timedelta(days=days) + self.config.outcome.maturity
        return fires_within(PRESETS.get(schedule, schedule), days=math.ceil(until / timedelta(days=1)))

    def mature(self, since: datetime, now: datetime) -> datetime:
        """Until when calls must have started for their outcomes to be in; never before `since`."""
        return max(now - self.config.outcome.maturity, since + timedelta(milliseconds=1))


def _observed(calls: Sequence[AnsweredCall]) -> list[ObservedCall]:
    return [ObservedCall(key=call.key, score_e6=call.score_e6) for call in calls]

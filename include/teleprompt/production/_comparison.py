"""Comparing the calls of two versions, with an error that many looks share."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from teleprompt.config.cron import PRESETS, fires_within
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.assignment import ObservedCall
from teleprompt.deltaone.online import compare_online
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.errors import TelepromptError
from teleprompt.production._versions import KnownVersion
from teleprompt.records import to_millionths
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
class Calls:
    """The calls of one program in production."""

    config: ProgramConfig

    def compare(
        self,
        client: "MlflowClient",
        versions: tuple[KnownVersion, KnownVersion],
        spans: tuple[Window, Window],
        *,
        phase: Phase,
        fits: Sequence[OutcomeFit],
        now: datetime,
        share: float | None = None,
    ) -> OnlineDecision:
        """The calls of the first version in the first span against those of the second in the second.

        `share` of the keys were to be answered by the second, where both answered at the same time.
        """
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
            share=share,
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
    return [ObservedCall(key=call.key, score_e6=call.score_e6, started_at_ms=call.started_at_ms) for call in calls]

"""One look at what became of a program's versions."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.encoding.text import visible
from teleprompt.pipeline.online_attestation import attest_online
from teleprompt.production._champion import ChampionWatch
from teleprompt.production._versions import KnownVersion
from teleprompt.production.challenger import DECISION, ChallengerTrial
from teleprompt.production.report import ProductionReport, WatchOutcome
from teleprompt.registry.aliases import CHALLENGER, CHAMPION, aliases_of
from teleprompt.registry.scoreboard import OnlineResult, keep_result
from teleprompt.registry.versions import WATCHED
from teleprompt.tracking.connection import mlflow_client

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

MOST_CHARACTERS = 4000
"""Of a tag."""


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
                report = ChallengerTrial(self.config, self.settings, self.actor).judge(client, aliases, now)
                self._keep(client, report, aliases[CHALLENGER], beside="champion")
                if report.watched:
                    client.set_model_version_tag(
                        self.config.name, str(aliases[CHALLENGER]), WATCHED, report.watched[:MOST_CHARACTERS]
                    )
            else:
                report = ChampionWatch(self.config, self.actor).watch(client, aliases, now)
                if CHAMPION in aliases:
                    self._keep(client, report, aliases[CHAMPION], beside="before")
        log.info("%s: %s (%s)", self.config.name, report.outcome, visible(report.why))
        return report

    def _keep(
        self,
        client: "MlflowClient",
        report: ProductionReport,
        number: int,
        *,
        beside: Literal["champion", "before"],
    ) -> None:
        """For the scoreboard, where the look decided something."""
        decision = report.decision
        if decision is None or report.outcome in {WatchOutcome.NOTHING, WatchOutcome.UNDECIDED}:
            return
        said = decision.report
        result = OnlineResult(
            outcome=report.outcome.value,
            beside=beside,
            delta_e6=said.delta_e6,
            ci_low_e6=said.ci_low_e6,
            ci_high_e6=said.ci_high_e6,
            calls=said.optimized.calls,
            at=decision.decided_at,
        )
        keep_result(client, self.config.name, number, result)

    def _finish(self, client: "MlflowClient", aliases: dict[str, int]) -> None:
        """Issue the attestation that a look did not get to after it had promoted."""
        if CHAMPION not in aliases:
            return
        champion = KnownVersion.read(client, self.config.name, aliases[CHAMPION])
        run = champion.run(client, self.config.name)
        decision = run and run.read(DECISION, OnlineDecision)
        if run and decision and not run.is_tagged("attestation_id"):
            attest_online(run, config=self.config, settings=self.settings, number=champion.number, decision=decision)

"""A champion is watched after its promotion, and taken back if it does worse than the version before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from teleprompt.config.production import OnRegression
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.online_report import OnlineReport
from teleprompt.deltaone.placebo import Placebo
from teleprompt.production._comparison import Calls, Phase
from teleprompt.production._placebo import placebo_comparisons
from teleprompt.production._versions import KnownVersion, outcome_fits
from teleprompt.production.report import ProductionReport, WatchOutcome, report_of
from teleprompt.records import to_millionths
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes
from teleprompt.registry.changes import rollback
from teleprompt.traces.in_production import calls_of_versions
from teleprompt.traces.outcomes import OutcomeFit
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class ChampionWatch:
    """The champion of one program."""

    config: ProgramConfig
    actor: str
    """Who rolls back, for the log of changes."""

    def watch(self, client: "MlflowClient", aliases: dict[str, int], now: datetime) -> ProductionReport:
        """Compare the champion's calls since its promotion with those of the version before until then.

        They were made at different times, so what changed in the world is in it too; a rollout with a share is not
        open to that.
        """
        calls = Calls(self.config)
        change = _promotion_of(list_changes(client, self.config.name), aliases)
        if change is None:
            why = "no promotion to watch: the champion is the program as written, or was rolled back to"
            return ProductionReport(outcome=WatchOutcome.NOTHING, version=None, why=why)
        watch, span = self.config.watch, timedelta(days=self.config.watch.days)
        champion = KnownVersion.read(client, self.config.name, aliases[CHAMPION])
        before = KnownVersion.read(client, self.config.name, change.before[CHAMPION])
        if now - change.at > span + self.config.outcome.maturity:
            why = f"promoted {format_utc(change.at)}, longer ago than the {watch.days} days that are watched"
            return ProductionReport(outcome=WatchOutcome.NOTHING, version=champion.version_id, why=why)
        fits = outcome_fits(champion.needed_run(client, self.config.name))
        decision = calls.compare(
            client,
            (before, champion),
            (
                Window(start=change.at - span, end=change.at),
                Window(start=change.at, end=calls.mature(change.at, now)),
            ),
            phase=Phase(change, watch.alpha, calls.looks_within(watch.days)),
            fits=fits,
            now=now,
        )
        said = decision.report
        if said.blocked or not said.baseline.calls or not said.optimized.calls:
            return report_of(WatchOutcome.UNDECIDED, champion, said.reason, decision)
        if not self._regressed(said):
            return report_of(WatchOutcome.STEADY, champion, said.reason, decision)
        placebo = self._placebo(client, before, change.at, length=decision.observed, fits=fits)
        why = f"{said.reason} Beside it: {placebo.in_words}."
        tolerance_e6 = to_millionths(watch.tolerance)
        if placebo.is_enough and placebo.explains(said.delta_e6, tolerance_e6=tolerance_e6, alpha=said.alpha):
            return report_of(WatchOutcome.STEADY, champion, why, decision)
        client.set_model_version_tag(self.config.name, str(champion.number), "regression", why[:500])
        if watch.on_regression is OnRegression.ALERT:
            return report_of(WatchOutcome.REGRESSED, champion, why, decision)
        if not placebo.is_enough:
            return report_of(WatchOutcome.REGRESSED, champion, f"{why} So it is not rolled back.", decision)
        moved = rollback(
            client,
            self.config.name,
            to=before.number,
            instead_of=champion.number,
            who=self.actor,
            why=f"regression in production: {why}",
        )
        if moved is None:
            return report_of(WatchOutcome.NOTHING, champion, "another version became champion meanwhile", decision)
        return report_of(WatchOutcome.ROLLED_BACK, champion, why, decision)

    def _placebo(
        self,
        client: "MlflowClient",
        before: KnownVersion,
        promoted: datetime,
        *,
        length: Window,
        fits: Sequence[OutcomeFit],
    ) -> Placebo:
        """What the same comparison finds before the promotion, where nothing was changed."""
        days, history = timedelta(days=self.config.watch.days), timedelta(days=self.config.watch.placebo_days)
        calls = calls_of_versions(
            client,
            config=self.config,
            window=Window(start=promoted - history - days, end=promoted),
            tags=before.tags,
            fits=fits,
        )
        return placebo_comparisons(
            calls, until=promoted, length=length.end - length.start, before=days, history=history
        )

    def _regressed(self, report: OnlineReport) -> bool:
        beyond = report.ci_high_e6 < -to_millionths(self.config.watch.tolerance)
        return beyond and report.p_value_e6 <= to_millionths(report.alpha)


def _promotion_of(changes: Sequence[Change], aliases: dict[str, int]) -> Change | None:
    """The promotion that made the champion what it is, if that was the last that happened to the alias."""
    for change in changes:
        if change.state is ChangeState.DONE and change.before.get(CHAMPION) != change.after.get(CHAMPION):
            promoted = change.action is Action.PROMOTE and change.after.get(CHAMPION) == aliases.get(CHAMPION)
            return change if promoted and CHAMPION in change.before else None
    return None

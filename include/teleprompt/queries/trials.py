"""The trials of a program, with what their windows show until now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from teleprompt.config.gate import Guardrail
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.report import GateReport
from teleprompt.errors import ConfigurationError
from teleprompt.gate.comparison import window_scores
from teleprompt.gate.trial_fold import fold
from teleprompt.gate.trial_ledger import list_trials
from teleprompt.gate.trial_records import Ending, KnownTrial, Pause
from teleprompt.queries.trial_explanation import explain
from teleprompt.records import Digest, Millionths, Record
from teleprompt.tracking.skipped_windows import SkippedWindow, list_skipped
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


MOST_SKIPPED = 500
"""Windows without enough traces that are looked at."""


class TrialPoint(Record):
    """What a trial's windows show together, after one of them."""

    window: str
    n: int
    """Examples that count until then."""
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    log_e: float
    """Logarithm of the evidence."""


class TrialSummary(Record):
    """A trial, from its opening to its end."""

    trial_id: Digest
    run_id: str
    """The run that opened it; it has the candidate."""
    number: int
    """Which trial of the 365 days before its opening it is, from 1."""
    opened: Window
    """The window that the candidate was made from."""
    opened_at: AwareDatetime
    champion: int
    champion_version_id: str
    state: str
    """`open`, `paused`, or how it ended (`EndedBy`)."""
    ending: Ending | None
    pause: Pause | None
    """Who holds it up."""
    level: float
    """Probability, at most, that it promotes a candidate without a gain."""
    windows: int
    horizon: int
    """Windows after which it expires."""
    n: int
    n_units: int
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    log_e: float
    boundary: float
    """The `log_e` that promotes."""
    threshold_e6: Millionths
    """The least gain that promotes."""
    path: tuple[TrialPoint, ...]
    reason: str
    """How it stands, in one sentence."""
    explanation: tuple[str, ...]
    """What counted, what did not, why nothing is decided, and when it can be expected."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.ending is None


def read_trials(client: "MlflowClient", config: ProgramConfig, *, limit: int | None = None) -> list[TrialSummary]:
    """The trials of a program, newest first.

    Raises:
        TelepromptError: scores are missing in the storage, or damaged.
    """
    trials = list_trials(client, config.name)[::-1][:limit]
    skipped = list_skipped(client, config.name, limit=MOST_SKIPPED) if trials else []
    return [_summary(trial, config, skipped) for trial in trials]


def one_of(trials: Sequence[TrialSummary], beginning: str, *, program: str) -> TrialSummary:
    """The trial whose id begins so; the newest one for an empty text.

    Raises:
        ConfigurationError: there is none, or several begin so.
    """
    found = [trial for trial in trials if trial.trial_id.startswith(beginning)]
    if not found or (beginning and len(found) > 1):
        some = f"{len(found)} trials of {program} begin" if found else f"No trial of {program} begins"
        raise ConfigurationError(f"{some} with {beginning!r}; `teleprompt trial list` shows their ids.")
    return found[0]


@dataclass(frozen=True)
class _Scores:
    """What a trial's windows hold, by their digests: the same scores are folded once, for pages ask again and again."""

    of_trial: Digest
    digests: tuple[Digest, ...]
    trial: KnownTrial = field(compare=False)
    guardrails: tuple[Guardrail, ...] = field(compare=False)


@lru_cache(maxsize=64)
def _folded(scores: _Scores) -> GateReport:
    return fold(window_scores(scores.trial), scores.trial.opening.policy, scores.guardrails)


def _summary(trial: KnownTrial, config: ProgramConfig, skipped: Sequence[SkippedWindow]) -> TrialSummary:
    opening = trial.opening
    digests = tuple(scored.scores.digest for scored in trial.windows)
    report = _folded(_Scores(opening.id, digests, trial, config.gate.guardrails))
    found = report.trial
    assert found is not None  # noqa: S101 - it comes from a fold
    return TrialSummary(
        trial_id=opening.id,
        run_id=trial.run_id,
        number=opening.number,
        opened=opening.window,
        opened_at=opening.opened_at,
        champion=opening.champion,
        champion_version_id=opening.champion_version_id,
        state=trial.state,
        ending=trial.ending,
        pause=trial.pause,
        level=opening.policy.level,
        windows=len(trial.windows),
        horizon=opening.policy.horizon,
        n=found.n,
        n_units=found.n_groups,
        delta_e6=found.delta_e6,
        ci_low_e6=found.ci_low_e6,
        ci_high_e6=found.ci_high_e6,
        log_e=found.log_e,
        boundary=found.boundary,
        threshold_e6=opening.policy.threshold_e6,
        path=tuple(TrialPoint.model_validate(point.model_dump()) for point in found.path),
        reason=_in_words(trial, report),
        explanation=explain(trial, report, skipped),
    )


def _in_words(trial: KnownTrial, report: GateReport) -> str:
    if trial.ending is not None:
        return trial.ending.why
    if trial.pause is not None:
        return f"paused {trial.pause.in_words}"
    if not trial.windows:
        return f"opened at {format_utc(trial.opening.opened_at)}; no window is scored yet"
    return report.reason

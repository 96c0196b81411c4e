"""The sections `rollout`, `explore`, `watch` and `approval`: what happens around a promotion."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from teleprompt.config._section import Section, Share
from teleprompt.config.gate import LATENCY, Guardrail

ONLINE_MEASURED = (LATENCY, "failure_rate")
"""What is known of every call, whatever came of it."""


class MissingOutcomes(StrEnum):
    """What an online comparison makes of mature calls without an outcome."""

    BOUNDS = "bounds"
    """They may have gone as badly for the challenger, and as well for the champion, as can be, and the reverse. It
    costs as many points as outcomes are missing, in per cent."""
    AT_RANDOM = "at_random"
    """They would have been like those that came. Users of the challenger who are silent because they are unhappy make
    it look better, and where as many are silent in both arms nothing shows it."""
    ZERO_AFTER_MATURITY = "zero_after_maturity"
    """They are 0: no reply is what silence means."""


class RolloutConfig(Section):
    """How a version that passed the gate comes into production."""

    share: Share | tuple[Share, ...] | None = None
    """Share of the keys that a new version answers first, as challenger; None: it becomes champion at once. Of several
    that rise, the next one is taken after each whole week without a sign of harm, and the one before where there is."""
    shadow: bool = False
    """First the challenger is asked beside the champion, for a whole week, and shown to nobody; then it answers its
    share if no guardrail speaks against it. What is learnt so is no outcome."""
    guardrails: tuple[Guardrail, ...] = ()
    """`latency_seconds` and `failure_rate` of its calls; where one is shown to be worse than tolerated, the share goes
    a step back, and from the first step the challenger."""
    claim_days: int = Field(28, ge=1, le=366)
    """After so long without a decision, the challenger is taken back."""
    minimum_days: int = Field(14, ge=7, le=366)
    """Nothing is decided on the calls of less; only whole weeks count, so that each day of the week counts alike."""
    missing: MissingOutcomes = MissingOutcomes.BOUNDS
    """What calls without an outcome count for: `bounds` (the worst and the best case), `at_random` (what came of the
    others), `zero_after_maturity` (0)."""

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares in their order; none without a rollout."""
        if self.share is None:
            return ()
        return self.share if isinstance(self.share, tuple) else (self.share,)

    @property
    def steps(self) -> tuple[float, ...]:
        """The shares in their order, with 0 for the shadow."""
        return (0.0, *self.shares) if self.shadow else self.shares

    def share_after(self, share: float) -> float | None:
        """The next larger one; None where that is the last."""
        return next((step for step in self.shares if step > share), None)

    def share_before(self, share: float) -> float | None:
        """The next smaller one; None where that is the first."""
        return next((step for step in reversed(self.steps) if step < share), None)

    @model_validator(mode="after")
    def _what_is_watched_is_measured(self) -> Self:
        if self.share is None and (self.shadow or self.guardrails):
            raise ValueError("shadow and guardrails are of a rollout with a share; name it")
        unknown = [one.metric for one in self.guardrails if one.metric not in ONLINE_MEASURED]
        if unknown:
            raise ValueError(f"rollout.guardrails watch {' and '.join(ONLINE_MEASURED)}, not {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _shares_rise(self) -> Self:
        if self.share is not None and (not self.shares or list(self.shares) != sorted(set(self.shares))):
            raise ValueError("the shares of a rollout rise from one to the next")
        return self

    @model_validator(mode="after")
    def _can_be_decided(self) -> Self:
        weeks = -(-self.minimum_days // 7) + self.shadow
        if weeks * 7 > self.claim_days:
            what = "minimum_days and of the shadow" if self.shadow else "minimum_days"
            raise ValueError(f"the {weeks} whole weeks of {what} do not fit into claim_days, {self.claim_days}")
        return self


class ExploreConfig(Section):
    """Answers are left to chance in part, so that other answers' outcomes become known."""

    epsilon: float = Field(gt=0, le=0.5)
    """Share of the calls with a key that get another of the allowed answers, each with the same probability. Each call
    logs the probability of its answer."""
    answers: tuple[str | int | bool, ...] = ()
    """The answers that are allowed; none: those of the output's type (`Literal`, `Enum`, `bool`)."""

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> Self:
        if self.answers and len({str(answer) for answer in self.answers}) < max(2, len(self.answers)):
            raise ValueError("explore.answers needs two different answers or more, each once")
        return self


class OnRegression(StrEnum):
    """What follows a champion that does worse than the version before."""

    ALERT = "alert"
    ROLLBACK = "rollback"


class WatchConfig(Section):
    """The small DAG that looks at what became of a promotion."""

    enabled: bool = True
    schedule: str = "daily"
    """`daily` | `weekly` | `monthly` | a cron expression (UTC)."""
    days: int = Field(28, ge=1, le=366)
    """A champion is watched for so long after its promotion, against as long a time before it."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Two-sided error of all looks at one promotion together."""
    tolerance: float = Field(0.0, ge=0, lt=1)
    """Loss in score that is accepted; a regression is a significant one beyond it."""
    placebo_days: int = Field(112, ge=0, le=732)
    """So long before the promotion outcomes are looked at for how far they wander with nothing changed; a loss that is
    no more than that is no regression, and without four such periods nothing is rolled back."""
    on_regression: OnRegression = OnRegression.ALERT
    """`alert` fails the DAG's run; `rollback` restores the version before, and fails it too."""


class ApprovalConfig(Section):
    """A person between the gate and the promotion."""

    timeout_hours: float = Field(72, gt=0, le=24 * 366)
    """Without an answer for so long, the version is not promoted."""
    approvers: tuple[str, ...] = ()
    """Who may answer: ids of Airflow's users, and for `teleprompt run --approve` names of this system's. Empty: all who
    may answer for the DAG."""

    def may_answer(self, who: str) -> bool:
        """Whether somebody's answer counts."""
        return not self.approvers or who in self.approvers

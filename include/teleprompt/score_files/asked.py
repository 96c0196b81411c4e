"""What has to be shown for a promotion, as far as somebody said it."""

from dataclasses import dataclass

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GatePolicy
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.errors import ConfigurationError
from teleprompt.records import from_millionths, to_millionths

THRESHOLD_E6, ALPHA = 10_000, 0.05


@dataclass(frozen=True)
class Asked:
    """None where nobody said it: a program file's default, or what a trial began with."""

    threshold_e6: int | None = None
    claim: Claim | None = None
    alpha: float | None = None
    direction: Direction | None = None
    horizon: int | None = None

    @property
    def policy(self) -> GatePolicy:
        """For one look, with a program file's defaults."""
        return GatePolicy(
            threshold_e6=self.threshold_e6 or THRESHOLD_E6,
            claim=self.claim or Claim.SIGNIFICANT,
            alpha=self.alpha or ALPHA,
            direction=self.direction or Direction.HIGHER,
        )

    def over(self, policy: TrialPolicy) -> TrialPolicy:
        """For a trial, in place of what `policy` says; each side may err with half of alpha."""
        said: dict[str, object] = {"claim": self.claim, "direction": self.direction, "horizon": self.horizon}
        if self.threshold_e6 is not None:
            said["threshold"] = from_millionths(self.threshold_e6)
        if self.alpha is not None:
            said |= {"level": self.alpha / 2, "harm_level": self.alpha / 2}
        return policy.model_copy(update={name: value for name, value in said.items() if value is not None})


def asked_for(
    *, threshold: float, claim: str, alpha: float, lower_is_better: bool = False, horizon: int | None = None
) -> Asked:
    """What a program asks for; the threshold is a share of the scale.

    Raises:
        ConfigurationError: an argument is out of range.
    """
    direction = Direction.LOWER if lower_is_better else Direction.HIGHER
    try:
        policy = GatePolicy(threshold_e6=to_millionths(threshold), claim=Claim(claim), alpha=alpha, direction=direction)
    except ValueError as error:
        raise ConfigurationError(
            f"No comparison asks for threshold={threshold!r}, claim={str(claim)!r}, alpha={alpha!r}; the usual ones "
            "are 0.01, 'significant' and 0.05."
        ) from error
    return Asked(policy.threshold_e6, policy.claim, policy.alpha, direction, horizon)

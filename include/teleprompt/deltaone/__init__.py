"""Is the candidate really better: statistics of paired and of online outcomes, pure functions all of them."""

from teleprompt.deltaone.trial import Trial
from teleprompt.deltaone.trial_policy import TrialPolicy

__all__ = ["Trial", "TrialPolicy"]

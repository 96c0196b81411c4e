"""What a report holds, for people and for scripts."""

from pydantic import AwareDatetime

from teleprompt.config.promotion import PromoteOn
from teleprompt.records import Millionths, Record
from teleprompt.registry.change_log import Change
from teleprompt.registry.scoreboard import ScoreLine
from teleprompt.window import Window


class Improvement(Record):
    """A version that was found to be better, and how that is known."""

    run_id: str
    window: Window
    version: int | None
    """Its number in the registry; None while it is not registered."""
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    n: int
    """Sealed examples."""
    compared: PromoteOn | None
    """With what; None in records from before that was kept."""
    attestation_id: str | None
    credits_e6: dict[str, Millionths]
    """Contributors' weights, the largest first; empty where nothing was attested."""


class Decision(Record):
    """A run that promoted nothing, and why."""

    run_id: str
    window: Window
    verdict: str
    """`reject` or `inconclusive`."""
    reason: str


class Failure(Record):
    """A run that ended with an error."""

    run_id: str
    window: Window
    error: str


class ProgramReport(Record):
    """One program over a period."""

    program: str
    """Its file's name."""
    name: str
    champion: str | None
    """The version that runs at the end; None where the program as written does."""
    improvements: tuple[Improvement, ...]
    decisions: tuple[Decision, ...]
    failures: tuple[Failure, ...]
    online: tuple[ScoreLine, ...]
    """What production said of versions, in the period."""
    changes: tuple[Change, ...]
    """Of the registry; those that are one of the decisions above are left out."""
    skipped_windows: int
    """Windows that held too few traces."""
    traces: int
    """Usable traces that the runs read; a trace in two windows counts twice."""
    quarantined: int
    """Traces that could not be used."""
    lm_calls: int
    """Requests to language models."""
    cost_usd: float
    """Their price, as far as prices are known."""

    @property
    def rejected(self) -> tuple[Decision, ...]:
        """Candidates that did not pass."""
        return tuple(one for one in self.decisions if one.verdict == "reject")

    @property
    def undecided(self) -> tuple[Decision, ...]:
        """Runs whose evidence does not suffice yet, or that compared nothing."""
        return tuple(one for one in self.decisions if one.verdict != "reject")

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened."""
        return not (self.improvements or self.decisions or self.failures or self.online or self.changes)


class Report(Record):
    """All programs over a period."""

    since: AwareDatetime
    until: AwareDatetime
    programs: tuple[ProgramReport, ...]
    unreadable: dict[str, str]
    """By program file, why it is left out."""

    @property
    def lm_calls(self) -> int:
        """Requests to language models, of all programs."""
        return sum(one.lm_calls for one in self.programs)

    @property
    def cost_usd(self) -> float:
        """Their price, as far as prices are known."""
        return sum(one.cost_usd for one in self.programs)

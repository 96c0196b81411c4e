"""What is kept of a trial: its opening, one record for each window, its end. None of them is ever changed."""

from enum import StrEnum

from pydantic import AwareDatetime

from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.gate.ledger import Look
from teleprompt.lm.meter import Spend
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import Blob
from teleprompt.window import Window, format_utc


class Opening(Record):
    """A candidate that was put on trial."""

    program: str
    champion: int
    """Version that it is compared with."""
    champion_version_id: str
    baseline_state: Blob
    optimized_state: Blob
    policy: TrialPolicy
    """What has to be shown; its `level` is this trial's share of the year's."""
    number: int
    """Which trial of the last 365 days it is, from 1."""
    terms: dict[str, Digest]
    """What the scores and the verdict depend on, by name; a trial ends when one of them changes."""
    window: Window
    snapshot: Blob
    """Manifest of the snapshot that the candidate was made from."""
    key: Digest
    """Of the run that opened it; that run has its snapshot and its selection."""
    opened_at: AwareDatetime
    relatives: int = 0
    """Trials of the last 365 days of programs with another name and the same code and fields; 0 in records from before
    they were counted."""

    @property
    def id(self) -> Digest:
        """What the trial is called: who is compared with whom, by which terms, from which window on."""
        return digest_of(
            {
                "program": self.program,
                "champion": self.champion,
                "baseline": self.baseline_state.digest,
                "optimized": self.optimized_state.digest,
                "terms": self.terms,
                "window": str(self.window),
                "key": self.key,
            }
        )


class ScoredWindow(Record):
    """The scores of both programs on a window's sealed examples."""

    trial: Digest
    window: Window
    key: Digest
    """Of the run that scored them."""
    scores: Blob
    """`ComparedAnswer` for each example."""
    look: Look
    """At the sealed examples."""
    n: int
    """Examples; 0 where none counts."""
    snapshot: Blob
    """Manifest of the snapshot that the examples are from."""
    spend: Spend
    """What the window took of the trial's budget."""
    scored_at: AwareDatetime


class EndedBy(StrEnum):
    """How a trial ends."""

    PROMOTE = "promote"
    REJECT = "reject"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    ABANDONED = "abandoned"
    """By a person."""


class Ending(Record):
    """The end of a trial: written once, by the run that saw it first."""

    how: EndedBy
    why: str
    key: Digest | None
    """Of the run that ended it; None where a person did."""
    at: AwareDatetime

    @property
    def in_words(self) -> str:
        """For people."""
        return f"{self.how} at {format_utc(self.at)}: {self.why}"


class Pause(Record):
    """A person held a trial up, or let it go on."""

    is_held_up: bool
    who: str
    why: str
    at: AwareDatetime

    @property
    def in_words(self) -> str:
        """For people."""
        return f"by {self.who} at {format_utc(self.at)}: {self.why}"


class TrialState(Record):
    """A trial at some moment."""

    opening: Opening
    windows: tuple[ScoredWindow, ...]
    """In the order of their starts."""
    ending: Ending | None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.ending is None


class KnownTrial(TrialState):
    """A trial as MLflow has it now."""

    run_id: str
    """Of the run that opened it; another one after a restore."""
    pause: Pause | None = None
    """Since when no window is scored, while that is so."""

    @property
    def state(self) -> str:
        """`open`, `paused`, or how it ended (`EndedBy`)."""
        if self.ending is not None:
            return self.ending.how.value
        return "open" if self.pause is None else "paused"

    def at_this_moment(self) -> TrialState:
        """What a record may keep of it."""
        return TrialState(opening=self.opening, windows=self.windows, ending=self.ending)

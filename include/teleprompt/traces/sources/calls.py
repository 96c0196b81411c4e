"""What a source of one's own gives: calls, one after the other. All else follows from them."""

import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teleprompt.config.project import project_dir
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.program.fields import WHOLE
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, event, standing
from teleprompt.traces.sources._untold import Untold
from teleprompt.traces.sources.call_span import CallShape, named_inputs, named_outputs
from teleprompt.traces.sources.raw import INPUT_PREFIX, OUTPUT_PREFIX, UNFETCHED, as_texts, raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1000
SAID_BY = ("HUMAN", "CODE", "LLM_JUDGE")
TEXTS = (
    "contributor_id", "contributor_address", "program_version", "group", "user", "assignment_key", "assignment_share",
    "propensity",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """An outcome of a call, or what was expected of it."""

    name: str
    value: Any
    """A number, a boolean or a text; of an expectation any JSON."""
    at: datetime | None = None
    """When it was said; None: when the call ended."""
    source: str = "CODE"
    """`HUMAN`, `CODE` or `LLM_JUDGE`."""
    rater: str | None = None
    rationale: str | None = None
    is_expected: bool = False

    def __post_init__(self) -> None:
        """Refuse a source that nothing would count.

        Raises:
            ConfigurationError: it is none of the three.
        """
        if self.source not in SAID_BY:
            raise ConfigurationError(f"`Said.source` is {self.source!r}; it is one of {', '.join(SAID_BY)}.")


@dataclass(frozen=True)
class Call:
    """One call of a program."""

    trace_id: str
    """The same for the same call, however often it is read."""
    started_at: datetime
    """With its offset."""
    inputs: Any
    """By name; a text, or messages, if the program has one input."""
    outputs: Any
    """By name; or the value of the only one."""
    ended_at: datetime | None = None
    failed: bool = False
    said: Sequence[Said] = ()
    contributor_id: str | None = None
    contributor_address: str | None = None
    program_version: str | None = None
    group: str | None = None
    user: str | None = None
    assignment_key: str | None = None
    """By which the version was chosen; None: the group."""
    assignment_share: str | None = None
    """Of the keys, that the challenger answered then."""
    propensity: str | None = None
    """Probability with which chance would give that answer; None where none was left to it."""
    is_readable: bool = True
    """False for a call whose inputs or outputs cannot be read: it is set aside by its id."""

    def __post_init__(self) -> None:
        """Refuse a time that would mean another one elsewhere.

        Raises:
            ConfigurationError: it has no offset.
        """
        for name in ("started_at", "ended_at"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ConfigurationError(f"`{name}` of call {self.trace_id} has no offset from UTC; give one.")


class CallSource(Untold, ABC):
    """A source of calls for `traces.source`; a subclass says which calls there are."""

    kind: ClassVar[str] = "calls"
    route: ClassVar[str] = "own"
    shape: CallShape = CallShape()
    """The program's fields, set before anything is read."""

    @abstractmethod
    def calls(self, program: str, window: Window) -> Iterable[Call]:
        """The calls of the program of that name that started in `window`, in any order; the same ones each time."""

    def _given(self, program: str, window: Window) -> Iterator[Call]:
        """Those of `calls` that lie in the window, each id once.

        Raises:
            TelepromptError: `calls` raised something.
        """
        seen: set[str] = set()
        try:
            for call in self.calls(program, window):
                if window.start <= call.started_at < window.end and call.trace_id not in seen:
                    seen.add(call.trace_id)
                    yield call
        except TelepromptError:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise TelepromptError(
                f"The source {type(self).__name__} raised {type(error).__name__}: {error} "
                f"({where.filename}:{where.lineno}); correct it."
            ) from error

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The calls as raw traces, ordered by start and id."""
        import pyarrow as pa

        del known
        found = sorted(self._given(program, window), key=lambda call: (call.started_at, call.trace_id))
        for first in range(0, len(found), CHUNK):
            rows = [self._row(call) for call in found[first : first + CHUNK]]
            yield pa.Table.from_pylist(rows, schema=raw_schema()).sort_by(
                [("started_at_ms", "ascending"), ("trace_id", "ascending")]
            )

    def count(self, program: str, window: Window, *, enough: int | None = None) -> int:
        """How many calls started in `window`; counting stops at `enough`."""
        return sum(1 for _ in islice(self._given(program, window), enough))

    def holds(self, program: str, window: Window, number: int) -> bool:
        """Whether at least `number` calls started in `window`."""
        return number <= 0 or self.count(program, window, enough=number) >= number

    def _row(self, call: Call) -> dict[str, Any]:
        forms: dict[str, str] = {} if call.is_readable else {UNFETCHED: "unreadable"}
        inputs, outputs = named_inputs(call.inputs, self.shape), named_outputs(call.outputs, self.shape)
        if not isinstance(outputs, Mapping):
            outputs = {} if outputs is None else {WHOLE: outputs}
        started = _milliseconds(call.started_at)
        ended = started if call.ended_at is None else _milliseconds(call.ended_at)
        return {
            "trace_id": str(call.trace_id),
            "source": self.kind,
            "started_at_ms": started,
            "latency_ms": None if call.ended_at is None else ended - started,
            "failed": call.failed,
            "inputs": as_texts(inputs if isinstance(inputs, Mapping) else {}, INPUT_PREFIX, forms),
            "outputs": as_texts(outputs, OUTPUT_PREFIX, forms),
            "forms": list(forms.items()),
            "outcomes": [one._asdict() for one in standing(_event(said, ended) for said in call.said)],
            **{name: None if (said := getattr(call, name)) is None else str(said) for name in TEXTS},
        }


def matching_files(pattern: str) -> list[Path]:
    """The files that a pattern matches, sorted; a relative one begins at the project's folder.

    Raises:
        ConfigurationError: there is none.
    """
    whole = project_dir() / pattern
    found = sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))
    if not found:
        raise ConfigurationError(f"No file matches {whole}; correct `traces.options.path`.")
    return found


def _event(said: Said, ended_ms: int) -> Any:
    return event(
        said.name,
        said.value,
        ended_ms if said.at is None else _milliseconds(said.at),
        kind=EXPECTATION if said.is_expected else FEEDBACK,
        source=said.source,
        rater=said.rater,
        span=None,
        rationale=said.rationale,
        metadata=None,
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

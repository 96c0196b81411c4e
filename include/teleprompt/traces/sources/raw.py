"""Logged calls as a source gives them, before anybody has judged them: one Arrow schema for every source.

An Arrow table of raw traces has these columns:

- `trace_id`: run id or trace id; `source`: `runs` or `traces`; `started_at_ms`, `latency_ms` (nullable): int64
- `failed`: whether the call ended in an error
- `inputs`, `outputs`: maps of what was logged; a text as it is, any other value as JSON text, null for none
- `forms`: map from `input.<name>` or `output.<name>` of a value that is no text to `json` (a number, true, false or
  null), `nested` (an object or a list) or `unreadable` (what JSON or Unicode cannot hold); of a trace whose spans could
  not be read, `spans` to `unavailable`, or to `unreadable` where they are damaged. A run's params are all texts.
- `outcomes`: list of what was said of the call, in order of arrival: `name`, `value` (null where it was no number),
  `at_ms`, `kind` (`metric` of a run, `feedback` or `expectation`), `source` (`HUMAN`, `CODE`, `LLM_JUDGE`) and `rater`
  (who of these), `span` (name of the span that it was said of; null for the whole trace), `on_call` (whether that is
  the call, one without a parent, or the trace), `text` (a value that is no number; of an expectation its value as
  JSON), `rationale`, `of_session`
- `contributor_id`, `contributor_address`, `program_version`, `group`, `user`: nullable strings; the group is MLflow's
  session where none was logged
- `assignment_key`, `assignment_share`: by which key the version was chosen, and the challenger's share of the keys
  then, as text; null where that was not logged
- `propensity`: the probability with which chance would give that answer, as text; null where that was not logged
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from teleprompt.program.fields import json_text
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

UNFETCHED = "spans"
"""Key in `forms` of a trace whose spans were asked for in vain."""

DATASET = "dataset"
"""Kind of a source whose rows belong to no day: every window has those that were there before."""

METRIC = "metric"
"""Kind of an outcome that is the metric of a run."""

INPUT_PREFIX = "input."
OUTPUT_PREFIX = "output."


class TraceSource(Protocol):
    """Reads one program's calls of a window."""

    kind: str
    """`runs` or `traces`."""
    route: str
    """How it reads: `sql`, `client` or `rest`."""

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The raw traces that started in `window`, ordered by start and id, a batch at a time.

        Of calls in `known`, raw traces read before, only what may have changed needs to be fetched.
        """
        ...

    def count(self, program: str, window: Window, *, enough: int | None = None) -> int:
        """How many calls started in `window`; no call is fetched.

        Where counting is dear it may stop at `enough`.
        """
        ...

    def holds(self, program: str, window: Window, number: int) -> bool:
        """Whether at least `number` calls started in `window`; no more than one is fetched."""
        ...

    def outcomes(self, program: str, window: Window, metric: str) -> int | None:
        """How many values of `metric` arrived in `window`, whenever their calls started; None if it cannot be told."""
        ...

    def marks(self, program: str, windows: Sequence[Window]) -> list[str] | None:
        """For each window a text that changes when a call or an outcome in it is added or removed.

        None if the source cannot tell without reading the calls.
        """
        ...


@runtime_checkable
class NotesMarks(TraceSource, Protocol):
    """A source whose marks take some reading, so that they are asked for only of days that are kept."""

    def noted(self, day: Window) -> str:
        """The mark of a UTC day as `read` has just read it."""
        ...


def raw_schema() -> "pa.Schema":
    """The schema of raw traces."""
    import pyarrow as pa

    texts = pa.map_(pa.string(), pa.string())
    outcome = pa.struct(
        [
            ("name", pa.string()),
            ("value", pa.float64()),
            ("at_ms", pa.int64()),
            ("kind", pa.string()),
            ("source", pa.string()),
            ("rater", pa.string()),
            ("span", pa.string()),
            ("on_call", pa.bool_()),
            ("text", pa.string()),
            ("rationale", pa.string()),
            ("of_session", pa.bool_()),
        ]
    )
    return pa.schema(
        [
            ("trace_id", pa.string()),
            ("source", pa.string()),
            ("started_at_ms", pa.int64()),
            ("latency_ms", pa.int64()),
            ("failed", pa.bool_()),
            ("inputs", texts),
            ("outputs", texts),
            ("forms", texts),
            ("outcomes", pa.list_(outcome)),
            ("contributor_id", pa.string()),
            ("contributor_address", pa.string()),
            ("program_version", pa.string()),
            ("group", pa.string()),
            ("user", pa.string()),
            ("assignment_key", pa.string()),
            ("assignment_share", pa.string()),
            ("propensity", pa.string()),
        ]
    )


def in_order(table: "pa.Table") -> "pa.Table":
    """`table` by start, then id."""
    return table.sort_by([("started_at_ms", "ascending"), ("trace_id", "ascending")])


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def as_texts(values: Mapping[str, Any], prefix: str, forms: dict[str, str]) -> list[tuple[str, str | None]]:
    """Logged values as (name, text), in order of name; what is no text has its form in `forms`."""
    texts: list[tuple[str, str | None]] = []
    for name, value in sorted((str(name), value) for name, value in values.items()):
        if not _is_writable(name):
            continue  # no field has such a name
        where = f"{prefix}{name}"
        try:
            text = value if isinstance(value, str) or value is None else json_text(value)
            (text or "").encode()
        except (ValueError, TypeError, RecursionError):
            # NaN, half of a surrogate pair: nothing downstream can digest them.
            forms[where] = "unreadable"
            text = None
        else:
            if not isinstance(value, str):
                forms[where] = "nested" if isinstance(value, (dict, list)) else "json"
        texts.append((name, text))
    return texts

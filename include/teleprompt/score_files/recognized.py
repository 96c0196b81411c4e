"""Which tool wrote a file: by what it holds, whatever its name."""

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.score_files import dspy_results, inspect_log, lm_eval_samples, openai_evals, promptfoo_output
from teleprompt.score_files.log import Document, Log
from teleprompt.score_files.table import decoded

ZIP = b"PK\x03\x04"
MOST_HEADER = 100_000
"""Bytes of a first line that may name the columns of a CSV file."""

_TOOLS: Sequence[tuple[str, Callable[[Document], bool], Callable[[Path, Sequence[Document]], Log]]] = (
    ("Inspect", inspect_log.is_log, inspect_log.read),
    ("lm_eval", lm_eval_samples.is_log, lm_eval_samples.read),
    ("promptfoo", promptfoo_output.is_log, promptfoo_output.read),
    ("oaieval", openai_evals.is_event_log, openai_evals.read_event_log),
    ("OpenAI's Evals API", openai_evals.are_output_items, openai_evals.read_output_items),
    ("DSPy", dspy_results.are_results, dspy_results.read),
)


def read_log(path: Path) -> Log | None:
    """The log of the tool that wrote the file; None where no known one did.

    Raises:
        OSError: it cannot be read.
        ConfigurationError: it is a tool's log, and lacks something.
    """
    documents = _documents(path)
    if not documents:
        return None
    for tool, is_log, read in _TOOLS:
        if is_log(documents[0]):
            try:
                log = read(path, documents)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{path} looks like a log of {tool}, but not like those that are known ({error!r}); write the "
                    "scores as CSV."
                ) from error
            if not log.samples:
                raise ConfigurationError(f"{path} is a log of {tool} without any answer; check what wrote it.")
            return log
    return None


def _documents(path: Path) -> Sequence[Document]:
    """What a log may be made of: an archive's or a JSON object, a list's items, JSON lines, or the rows of DSPy's CSV.

    Nothing where it is no such file: whoever reads it as a table says what is wrong with it.
    """
    with path.open("rb") as file:
        start = file.read(MOST_HEADER).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(ZIP):
        unpacked = inspect_log.unpack(path)
        return [] if unpacked is None else [unpacked]
    if start[:1] in {b"{", b"["}:
        return _json_objects(decoded(path).strip())
    header = start.partition(b"\n")[0].decode(errors="replace").strip().split(",")
    return _csv_rows(path) if dspy_results.are_results(dict.fromkeys(header)) else []


def _json_objects(text: str) -> Sequence[Document]:
    first, _, rest = text.partition("\n")
    head = _parsed(first)
    if isinstance(head, dict) and rest:
        is_known = any(is_log(head) for _, is_log, _ in _TOOLS)
        found = [_parsed(line) for line in text.split("\n") if line.strip()] if is_known else []
    else:
        whole = _parsed(text) if rest else head
        found = whole if isinstance(whole, list) else [whole]
    return [each for each in found if isinstance(each, dict)] if None not in found else []


def _csv_rows(path: Path) -> Sequence[Document]:
    csv.field_size_limit(sys.maxsize)  # answers may be long
    try:
        return list(csv.DictReader(io.StringIO(decoded(path), newline=""), strict=True))
    except csv.Error:
        return []


def _parsed(text: str) -> object:
    """None if it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None

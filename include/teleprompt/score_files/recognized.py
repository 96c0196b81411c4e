"""Which tool wrote a file: by what it holds, whatever its name."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.score_files import inspect_log, lm_eval_samples, openai_evals, promptfoo_output
from teleprompt.score_files.log import Document, Log
from teleprompt.score_files.table import decoded

ZIP = b"PK\x03\x04"

_TOOLS: Sequence[tuple[str, Callable[[Document], bool], Callable[[Path, Sequence[Document]], Log]]] = (
    ("Inspect", inspect_log.is_log, inspect_log.read),
    ("lm_eval", lm_eval_samples.is_log, lm_eval_samples.read),
    ("promptfoo", promptfoo_output.is_log, promptfoo_output.read),
    ("oaieval", openai_evals.is_event_log, openai_evals.read_event_log),
    ("OpenAI's Evals API", openai_evals.are_output_items, openai_evals.read_output_items),
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
    """The JSON objects of a file that begins with one: the file itself, a list's items, or its lines."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(ZIP):
        unpacked = inspect_log.unpack(path)
        return [] if unpacked is None else [unpacked]
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in {b"{", b"["}:
        return []
    text = decoded(path).strip()
    first, _, rest = text.partition("\n")
    found = _parsed(first)
    if isinstance(found, dict) and rest:
        if not any(is_log(found) for _, is_log, _ in _TOOLS):
            return []
        lines = [_parsed(line) for line in text.split("\n") if line.strip()]
        return [line for line in lines if isinstance(line, dict)] if None not in lines else []
    found = found if found is not None and not rest else _parsed(text)
    found = found if isinstance(found, list) else [found]
    return [each for each in found if isinstance(each, dict)]


def _parsed(text: str) -> object:
    """None if it is no JSON: whoever reads the file as a table says so."""
    try:
        return json.loads(text)
    except ValueError:
        return None

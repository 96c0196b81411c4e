"""Logs of Inspect (inspect_ai): `.json`, and the archive `.eval`."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.log import Document, Log, Sample, canonical

HEADER, SAMPLES = "header.json", "samples/"
GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partially correct, incorrect, no answer."""


def is_log(first: Document) -> bool:
    """Whether this is what Inspect writes."""
    return {"version", "status", "eval"} <= first.keys()


def read(path: Path, documents: Sequence[Document]) -> Log:
    """The samples, epoch by epoch.

    Raises:
        ConfigurationError: the evaluation did not end or is invalid, or its samples were not logged.
    """
    (log,) = documents
    if log.get("invalidated"):
        raise ConfigurationError(f"{path} is marked as invalid; evaluate those samples again.")
    if log["status"] != "success":
        raise ConfigurationError(
            f"{path} is the log of an evaluation with the status {log['status']!r}; what it did not answer is seldom "
            "like the rest, so finish it by `inspect eval-retry`."
        )
    if not log.get("samples"):
        raise ConfigurationError(f"{path} has no samples; run `inspect eval` with --log-samples.")
    samples = sorted(log["samples"], key=lambda sample: sample["epoch"])
    return Log(path, "sample", [_sample(sample) for sample in samples])


def _sample(sample: Document) -> Sample:
    usage = (sample.get("model_usage") or {}).values()
    measured = {"total_time": sample.get("total_time"), "total_tokens": sum(u["total_tokens"] for u in usage) or None}
    return Sample(
        number=f"{sample['id']}, epoch {sample['epoch']}",
        example=sample["id"],
        scores={name: value for given in (sample.get("scores") or {}).items() for name, value in _values(*given)},
        measured={name: value for name, value in measured.items() if value is not None},
        about=sample.get("metadata") or {},
        asked=canonical([_input(sample["input"]), sample.get("choices"), sample.get("target")]),
    )


def _values(scorer: str, score: Document) -> Iterator[tuple[str, object]]:
    """A scorer may give several values by name."""
    value = score["value"]
    for name, part in value.items() if isinstance(value, dict) else [(None, value)]:
        yield scorer if name is None else f"{scorer}.{name}", GRADES.get(part, part) if isinstance(part, str) else part


def _input(given: Any) -> Any:
    """A text, or messages without the ids that each run gives them."""
    return given if isinstance(given, str) else [[message["role"], message["content"]] for message in given]


def unpack(path: Path) -> Document | None:
    """The log that an archive holds; None if it is another archive.

    Raises:
        ConfigurationError: its compression is not known to this Python, or it is broken.
    """
    with suppress(ImportError):
        import zipfile_zstd  # noqa: F401 - teaches zipfile the compression of late logs
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if HEADER not in names:
                return None
            header: Document = json.loads(archive.read(HEADER))
            samples = [json.loads(archive.read(name)) for name in sorted(names) if name.startswith(SAMPLES)]
    except NotImplementedError as error:
        raise ConfigurationError(
            f"{path} is compressed by Zstandard, which this Python cannot read; install zipfile-zstd, or convert it "
            "by `inspect log convert --to json --output-dir json`."
        ) from error
    except (zipfile.BadZipFile, ValueError) as error:
        raise ConfigurationError(f"{path} is a broken archive ({error}); check what wrote it.") from error
    return {**header, "samples": samples}

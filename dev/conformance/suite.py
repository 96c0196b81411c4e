"""The suite as files: `cases.json`, and what its cases name."""

import json
from pathlib import Path
from typing import Any

from dev.conformance.case import Case, as_bytes
from dev.conformance.invalid import invalid_cases
from dev.conformance.lists import list_cases
from dev.conformance.logs import log_cases
from dev.conformance.valid import valid_cases

FOLDER = Path(__file__).parents[2] / "docs/conformance"
SUITE = "1.0"
OF_LOGS = {"--log-proof": "tlog-proof", "--kept": "checkpoint", "--consistency": "consistency"}
"""Options that name files of a log, and how these are called."""


def suite() -> dict[str, bytes]:
    """The bytes of each file by its name; what several cases share is one file.

    Raises:
        ValueError: two cases have one name.
    """
    files: dict[str, bytes] = {}
    cases = [_described(case, files) for case in (*valid_cases(), *invalid_cases(), *list_cases(), *log_cases())]
    names = [case["name"] for case in cases]
    if len(set(names)) < len(names):
        raise ValueError(f"Cases share the names {sorted({name for name in names if names.count(name) > 1})}.")
    listed = ",\n ".join(json.dumps(case) for case in cases)
    return {"cases.json": f'{{"suite_version": "{SUITE}", "cases": [\n {listed}\n]}}\n'.encode(), **files}


def _described(case: Case, files: dict[str, bytes]) -> dict[str, Any]:
    """The case as it stands in the list; its files are added to the others."""
    arguments = list(case.arguments)
    for option, value in case.files.items():
        folder = "logs" if option in OF_LOGS else f"{option.removeprefix('--').removesuffix('s')}s"
        name = f"{folder}/{case.name}.{OF_LOGS.get(option, 'json')}"
        arguments += [option, _kept(name, as_bytes(value), files)]
    document = _kept(f"documents/{case.name}.json", as_bytes(case.document), files)
    padding = {"spaces_before": case.spaces} if case.spaces else {}
    return {"name": case.name, "code": case.code, "document": document, **padding, "arguments": arguments}


def _kept(name: str, data: bytes, files: dict[str, bytes]) -> str:
    """The name under which these bytes are kept, which may be there already."""
    known = next(
        (there for there, kept in files.items() if kept == data and there.split("/")[0] == name.split("/")[0]), None
    )
    files.setdefault(known or name, data)
    return known or name

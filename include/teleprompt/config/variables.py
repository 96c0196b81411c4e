"""Variables of the environment that look like settings and are none."""

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from teleprompt.config.settings import Settings

PREFIX = "TELEPROMPT_"
OTHERS = frozenset({"DEBUG"})
"""Beside the settings: shows where an unexpected error came from."""
OF_PROGRAMS = "PROGRAM__"
"""What follows belongs to program files, which check it."""


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence for each `TELEPROMPT_…` that nothing reads, with the one that was probably meant."""
    return [
        _told(name)
        for name in sorted(environ)
        if name.startswith(PREFIX) and not _is_known(name.removeprefix(PREFIX).split("__"))
    ]


def _is_known(parts: list[str]) -> bool:
    return parts[0] in OTHERS or "__".join(parts).startswith(OF_PROGRAMS) or _fits(parts, Settings.model_fields)


def _fits(parts: list[str], fields: Mapping[str, Any]) -> bool:
    field = fields.get(parts[0].lower())
    if field is None:
        return False
    models = list(_models(field.annotation))
    return len(parts) == 1 or not models or any(_fits(parts[1:], model.model_fields) for model in models)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _names(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, field in fields.items():
        yield f"{prefix}{name.upper()}"
        for model in _models(field.annotation):
            yield from _names(model.model_fields, f"{prefix}{name.upper()}__")


def _told(name: str) -> str:
    close = difflib.get_close_matches(name.removeprefix(PREFIX), list(_names(Settings.model_fields)), n=1)
    meant = f"did you mean {PREFIX}{close[0]}?" if close else "`teleprompt doctor` shows what is in effect."
    return f"{name} is no setting; {meant}"

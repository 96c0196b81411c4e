"""The sections `inputs` and `outputs`: a program's fields, where its code does not say them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from teleprompt.config._section import Section


class DeclaredField(Section):
    """One input or output, as the program file declares it."""

    type: str | None = Field(None, min_length=1)
    """Its type as Python writes it: `float`, `list[str]`, `Literal["a", "b"]`, or a name that the program's Python file
    knows. Default: what the code says."""
    required: bool = True
    """Whether a call must hold it."""


class DeclaredOutput(DeclaredField):
    """One output, and how answers are compared in it."""

    tolerance: float = Field(0.0, ge=0)
    """Difference up to which numbers count as equal."""
    ordered: bool = False
    """Whether the order of a list's items counts."""


def _type_alone(value: object) -> object:
    """`grade: float` says as much as `grade: {type: float}`."""
    return {"type": value} if value is None or isinstance(value, str) else value


def _names_alone(value: object) -> object:
    """`[question, hint]` says as much as both names without a type."""
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(name, str) for name in value) else value


def _identifiers(fields: dict[str, Any]) -> dict[str, Any]:
    for name in fields:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is no name of a field")
    return fields


Inputs = Annotated[
    dict[str, Annotated[DeclaredField, BeforeValidator(_type_alone)]],
    BeforeValidator(_names_alone),
    AfterValidator(_identifiers),
]
Outputs = Annotated[
    dict[str, Annotated[DeclaredOutput, BeforeValidator(_type_alone)]],
    BeforeValidator(_names_alone),
    AfterValidator(_identifiers),
]


@dataclass(frozen=True)
class Declaration:
    """What a program file says of the program's fields."""

    inputs: Mapping[str, DeclaredField] = field(default_factory=dict)
    outputs: Mapping[str, DeclaredOutput] = field(default_factory=dict)
    tolerance: float = 0.0
    """Of the numbers of outputs that name none."""

"""Options that say how score files are read and what has to be shown."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Annotated

import typer

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.config.outcome import Direction
from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION
from teleprompt.score_files.asked import Asked
from teleprompt.score_files.columns import Columns

IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id",
        help="Column that names the example. With it a file is read as a table, whatever tool wrote it.",
        show_default="id",
    ),
]
ScoreColumn = Annotated[
    str | None,
    typer.Option("--score", help="Column of the score, or a scorer's name.", show_default="score, or the only one"),
]
GroupColumn = Annotated[
    str | None,
    typer.Option("--group", help="Column that names what examples belong to; by default `group`, where there is one."),
]
Scale = Annotated[float, typer.Option(help="The best score, if it is not 1: 100 for percentages, 5 for stars.")]
Threshold = Annotated[
    str | None, typer.Option(help="Smallest gain worth having: 0.01, or 1%, of the scale.", show_default="0.01")
]
ClaimOption = Annotated[
    Claim | None,
    typer.Option(
        help="What has to be shown: a gain, or that it is at least the threshold.", show_default="significant"
    ),
]
Alpha = Annotated[float | None, typer.Option(help="Two-sided error, below 0.5.", show_default="0.05")]
LowerIsBetter = Annotated[bool | None, typer.Option("--lower-is-better", help="Low scores are the good ones.")]
Guardrails = Annotated[
    list[str] | None,
    typer.Option(
        "--guardrail",
        metavar="NAME[:higher|lower][:TOLERANCE]",
        help="A further column whose mean must not get worse by more than the tolerance, in its unit or in % of the "
        "baseline's; by default lower values are better and nothing is tolerated. May be given several times.",
    ),
]


def asked_of(
    *,
    threshold: str | None,
    claim: Claim | None = None,
    alpha: float | None,
    lower_is_better: bool | None = None,
    horizon: int | None = None,
) -> Asked:
    """What the options say.

    Raises:
        ConfigurationError: a threshold is no share, or alpha no error.
    """
    return Asked(
        None if threshold is None else share_of("--threshold", threshold),
        claim,
        None if alpha is None else checked_alpha(alpha),
        Direction.LOWER if lower_is_better else None,
        horizon,
    )


@contextmanager
def verdict_whoever_listens() -> Iterator[None]:
    """The exit status stays the verdict if whoever reads the output has read enough, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails when it ends


def share_of(option: str, text: str) -> int:
    """Millionths of `0.01` or `1%`.

    Raises:
        ConfigurationError: it is neither, or not between 0 and 1.
    """
    try:
        share = Fraction(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigurationError(f"{option} {text!r} is no share; write it like 0.01 or 1%.") from error
    share_e6 = round(share * MILLION)
    if not 0 < share_e6 < MILLION:
        raise ConfigurationError(f"{option} {text} is not between 0 and 1; one percentage point is 0.01 or 1%.")
    return share_e6


def checked_alpha(alpha: float) -> float:
    """`alpha`, if it is an error that a test may make.

    Raises:
        ConfigurationError: it is not between 0 and 0.5.
    """
    if not 0 < alpha < 0.5:
        raise ConfigurationError(f"--alpha {alpha:g} is not between 0 and 0.5; the usual error is 0.05.")
    return alpha


def guardrails_of(texts: Sequence[str]) -> tuple[Guardrail, ...]:
    """The guardrails of `NAME[:higher|lower][:TOLERANCE]`; a name may hold colons itself.

    Raises:
        ConfigurationError: a tolerance is no number, or a name is given twice.
    """
    guardrails = tuple(_guardrail(text) for text in texts)
    names = [guardrail.metric for guardrail in guardrails]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"Each --guardrail may be named once; there are {', '.join(names)}.")
    return guardrails


def _guardrail(text: str) -> Guardrail:
    name, tolerance, direction = text, "0", Direction.LOWER
    rest, _, last = name.rpartition(":")
    if rest and last not in set(Direction):
        name, tolerance = rest, last
    rest, _, last = name.rpartition(":")
    if rest and last in set(Direction):
        name, direction = rest, Direction(last)
    try:
        return Guardrail(
            metric=name,
            direction=direction,
            tolerance=tolerance if tolerance.endswith("%") else float(tolerance),
        )
    except ValueError as error:
        raise ConfigurationError(
            f"--guardrail {text!r} is not NAME[:higher|lower][:TOLERANCE]; write it like latency:lower:20%."
        ) from error


def columns_of(id_: str | None, score: str | None, group: str | None, guardrails: Sequence[Guardrail] = ()) -> Columns:
    """The columns to read."""
    return Columns(id=id_, score=score, group=group, metrics=tuple(guardrail.metric for guardrail in guardrails))

"""How much there is to learn from, without fetching any of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.config.program import ProgramConfig
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record
from teleprompt.traces.sources.choose import Store, open_store
from teleprompt.traces.sources.of_program import maturing, program_sources
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Question:
    """Whether a program has at least `enough` calls that mature in `window`."""

    config: ProgramConfig
    window: Window
    enough: int


class Volume(Record):
    """What a window holds, before curation."""

    calls: int
    new_outcomes: int | None
    """Values of the outcome metric that arrived in the window, whenever their calls started; None if MLflow cannot
    tell, for its API has no search by that time."""


def has_enough(client: "MlflowClient", questions: Sequence[Question]) -> list[bool | ConfigurationError]:
    """The answers, or why there is none; one way to the store serves all of them."""
    with open_store(client) as store:
        return [_answer(store, question) for question in questions]


def volume(client: "MlflowClient", *, config: ProgramConfig, window: Window, enough: int | None = None) -> Volume:
    """Calls that mature in the window, and outcomes that arrived in it.

    By MLflow's API, where an exact number takes some thirty requests, counting stops at `enough`.
    """
    with open_store(client) as store:
        sources = program_sources(store, config)
        span = maturing(window, config)
        outcomes = [source.outcomes(config.name, window, config.outcome.metric) for source in sources]
        return Volume(
            calls=sum(source.count(config.name, span, enough=enough) for source in sources),
            new_outcomes=None if None in outcomes else sum(count or 0 for count in outcomes),
        )


def _answer(store: Store, question: Question) -> bool | ConfigurationError:
    """One program's mistake is not the others'."""
    try:
        return _has_enough(store, question)
    except ConfigurationError as error:
        return error


def _has_enough(store: Store, question: Question) -> bool:
    config = question.config
    sources, span = program_sources(store, config), maturing(question.window, config)
    if any(source.holds(config.name, span, question.enough) for source in sources):
        return True
    return len(sources) > 1 and sum(source.count(config.name, span) for source in sources) >= question.enough

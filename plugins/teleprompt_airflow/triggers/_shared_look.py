"""One look at MLflow for all triggers of a triggerer that want to look at about the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.window import Window
from teleprompt_airflow.hooks.settings import tracking_settings_from_connections

GATHER_SECONDS = 1.0
"""How long the first to ask waits for others."""


Answer = bool | TelepromptError
"""An error is of one program only, a broken file for instance."""


@dataclass(frozen=True)
class Ask:
    """Whether `program` has `enough` calls in `window`."""

    program: str
    window: Window
    enough: int


@dataclass
class _Round:
    """The questions that one look answers."""

    asks: list[Ask] = field(default_factory=list)
    answers: asyncio.Task[list[Answer]] | None = None


_rounds: dict[asyncio.AbstractEventLoop, _Round] = {}
"""The round that is being gathered, per event loop (a triggerer has one)."""


async def has_enough(ask: Ask) -> bool:
    """The answer to `ask`, from a look that is shared with all who ask within a second.

    Raises:
        TrackingUnavailableError: MLflow does not answer.
    """
    loop = asyncio.get_running_loop()
    current = _rounds.get(loop)
    if current is None:
        current = _rounds[loop] = _Round()
        current.answers = loop.create_task(_look(loop, current))
    place = len(current.asks)
    current.asks.append(ask)
    assert current.answers is not None  # noqa: S101 - set where the round is made
    answers = await asyncio.shield(current.answers)  # one trigger that is cancelled must not cancel the others' look
    answer = answers[place]
    if isinstance(answer, TelepromptError):
        raise answer
    return answer


async def _look(loop: asyncio.AbstractEventLoop, current: _Round) -> list[Answer]:
    await asyncio.sleep(GATHER_SECONDS)
    del _rounds[loop]
    settings = await tracking_settings_from_connections()
    return await asyncio.to_thread(_answers, settings, tuple(current.asks))


def _answers(settings: Settings, asks: Sequence[Ask]) -> list[Answer]:
    from teleprompt.environment import configure_third_party
    from teleprompt.traces.volume import Question
    from teleprompt.traces.volume import has_enough as have_enough
    from teleprompt.tracking.connection import mlflow_client

    configure_third_party()
    configs = [_config(settings, ask.program) for ask in asks]
    questions = [
        Question(config, ask.window, ask.enough)
        for ask, config in zip(asks, configs, strict=True)
        if not isinstance(config, TelepromptError)
    ]
    with mlflow_client(settings.tracking_uri) as client:
        answers = iter(have_enough(client, questions))
    return [config if isinstance(config, TelepromptError) else next(answers) for config in configs]


def _config(settings: Settings, program: str) -> ProgramConfig | TelepromptError:
    try:
        return load_program_file(find_program_file(settings.programs_dir, program))
    except TelepromptError as error:
        return error

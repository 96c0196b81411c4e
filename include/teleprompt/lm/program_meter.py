"""All that a program asks while it runs here passes one meter: by DSPy, by another client, or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from teleprompt.config.settings import LMConfig
from teleprompt.lm.all_models import all_models_metered
from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.bypass import UnmeteredModelError, watching
from teleprompt.lm.loopback import loopback, routes_of
from teleprompt.lm.meter import Meter


@contextmanager
def program_metered(
    meter: Meter,
    *,
    models: Sequence[LMConfig],
    has_own_clients: bool,
    unmetered: Sequence[str],
    answers: AnswerJournal | None = None,
) -> Iterator[None]:
    """Build and run a program in here.

    `models` are those that it is given. With `has_own_clients` the environment names an address on loopback to clients
    that are not DSPy's. Connections to hosts in `unmetered` are its own affair.

    Raises:
        UnmeteredModelError: it asked a model past the meter, whatever it made of that.
    """
    seen: list[str] = []

    def stop(host: str) -> None:
        seen.append(host)
        meter.stop(f"The program asked {host} past the meter")

    routes = routes_of(models, os.environ) if has_own_clients else []
    ours = [model.api_base.get_secret_value() for model in models if model.api_base is not None]
    with ExitStack() as stack:
        if routes:
            stack.enter_context(loopback(meter, routes))
        stack.enter_context(watching([*ours, *(route.address for route in routes)], let_pass=unmetered, seen=stop))
        stack.enter_context(all_models_metered(meter, answers=answers))
        try:
            yield
        finally:
            if seen:
                raise UnmeteredModelError(seen[0])

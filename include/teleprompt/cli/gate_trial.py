"""`teleprompt gate … --trial FILE`: which options go together."""

from collections.abc import Sequence
from pathlib import Path

from teleprompt.config.gate import Guardrail
from teleprompt.errors import ConfigurationError


def refuse_options_without_use(
    *, trial: Path | None, window: str | None, horizon: int | None, guardrails: Sequence[Guardrail]
) -> None:
    """Nobody is to believe that an option did something.

    Raises:
        ConfigurationError: an option is of a trial and there is none, or the other way round.
    """
    if trial is None:
        for option, value in (("--window", window), ("--horizon", horizon)):
            if value is not None:
                raise ConfigurationError(f"{option} is for a trial; name its file with --trial, or leave it out.")
    elif window is None:
        raise ConfigurationError("--trial needs to know what the scores are of; add --window 2026-01-05/2026-01-12.")
    elif guardrails:
        raise ConfigurationError("A trial keeps the scores alone; check --guardrail in a comparison without --trial.")

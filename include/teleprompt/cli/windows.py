"""Times and windows as options."""

from datetime import UTC, datetime

from pydantic import ValidationError

from teleprompt.errors import ConfigurationError
from teleprompt.window import Window, in_range


def parse_moment(option: str, text: str) -> datetime:
    """The ISO 8601 time `text`; without a zone it means UTC.

    Raises:
        ConfigurationError: it is not one; the message names the option.
    """
    try:
        moment = in_range(datetime.fromisoformat(text))
    except ValueError as error:
        raise ConfigurationError(
            f"{option} {text!r} is not an ISO 8601 time; write it like 2026-01-31T00:00:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_window(start: str, end: str) -> Window:
    """The window of the options `--start` and `--end`.

    Raises:
        ConfigurationError: one is not a time, or they are in the wrong order.
    """
    moments = {"start": parse_moment("--start", start), "end": parse_moment("--end", end)}
    try:
        return Window.model_validate(moments)
    except ValidationError as error:
        raise ConfigurationError(f"--start {start} must be before --end {end}.") from error

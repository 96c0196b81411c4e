"""Cron expressions, as Airflow reads them, in UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

PRESETS = {"daily": "0 0 * * *", "weekly": "0 0 * * 1", "monthly": "0 0 1 * *"}


def is_cron(text: str) -> bool:
    """Whether `text` is a plain cron expression that ever comes due (unlike the 31st of February)."""
    from croniter import CroniterError, croniter

    if len(text.split()) != 5 or "R" in text.upper():
        return False
    try:
        croniter(text).get_next()
    except CroniterError:
        return False
    return True


def fires_within(cron: str, *, days: int) -> int:
    """How often a schedule comes due in so many days, at least once."""
    from croniter import croniter

    start = datetime(2025, 1, 1, tzinfo=UTC)
    fires = croniter(cron, start).all_next(datetime)
    return max(1, sum(1 for _ in takewhile(lambda moment: moment <= start + timedelta(days=days), fires)))


def last_fire(cron: str, moment: datetime) -> datetime:
    """When a schedule came due last, `moment` included."""
    from croniter import croniter

    found: datetime = croniter(cron, moment.astimezone(UTC) + timedelta(seconds=1)).get_prev(datetime)
    return found


def intervals(cron: str, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From each time that a schedule comes due to the next one, beginning with `start` if it does then; without end."""
    from croniter import croniter

    just_before = start.astimezone(UTC) - timedelta(microseconds=1)
    return pairwise(croniter(cron, just_before).all_next(datetime))

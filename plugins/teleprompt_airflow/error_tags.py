"""What an error report says beside the error, where Airflow's own setting sends it to Sentry."""

import sys

from teleprompt.window import Window


def tag_errors(*, program: str, window: Window | None = None) -> None:
    """Have errors of this task carry the program and its window; nothing where Airflow has not loaded Sentry.

    Airflow opens a scope for each task and says DAG, task and try itself.
    """
    sentry = sys.modules.get("sentry_sdk")
    if sentry is not None:
        tags = {"teleprompt.program": program}
        sentry.get_current_scope().set_tags(tags if window is None else {**tags, "teleprompt.window": str(window)})

"""The weeks after `make run`'s runs, in processes beside Airflow."""

import subprocess
from collections.abc import Iterable

from dev import REPOSITORY
from dev.airflow_stack import StackError
from dev.processes import ProcessFamily, clean_environment
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings

ROLLOUT = {
    "TELEPROMPT_PROGRAM__ROLLOUT__SHARE": "0.5",
    "TELEPROMPT_PROGRAM__ROLLOUT__MINIMUM_DAYS": "7",
    "TELEPROMPT_PROGRAM__ROLLOUT__MISSING": "zero_after_maturity",
}
"""Of all programs of the demo; the files of the examples name none, so that what is tried with them alone is promoted
by its sealed examples."""

SECONDS = 300


class RolloutWeeks:
    """One simulated week of each program with a rollout."""

    def __init__(self, family: ProcessFamily) -> None:
        self._family = family
        self._begun: dict[str, subprocess.Popen[bytes] | None] = {}

    def begin(self, slugs: Iterable[str]) -> None:
        """Begin those of `slugs`, whose runs have succeeded, that are not begun yet."""
        for slug in slugs:
            if slug not in self._begun:
                self._begun[slug] = self._week(slug)

    def wait(self) -> None:
        """Return when all are over.

        Raises:
            StackError: one failed or took too long; the message names its log.
        """
        print("Letting new versions answer their share of a simulated week", flush=True)
        for slug, process in self._begun.items():
            if process is None:
                continue
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired as error:
                raise StackError(f"The week of {slug} did not end; see {self._family.log(_name(slug))}.") from error
            if status != 0:
                raise StackError(f"The week of {slug} failed; see {self._family.log(_name(slug))}.")

    def _week(self, slug: str) -> subprocess.Popen[bytes] | None:
        settings = Settings()
        if not load_program_file(find_program_file(settings.programs_dir, slug)).rollout.shares:
            return None
        return self._family.start(_name(slug), "-m", "dev.online_week", slug, env=clean_environment(), cwd=REPOSITORY)


def _name(slug: str) -> str:
    return f"week-{slug}"

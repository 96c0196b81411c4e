"""Seeding several scenarios at once, as many as there are cores."""

import os
import subprocess
import time
from collections.abc import Iterator

from dev import REPOSITORY
from dev.processes import ProcessFamily, clean_environment
from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client


class TrafficError(Exception):
    """A scenario's traffic could not be logged."""


def prepare_store() -> None:
    """Make the MLflow store's tables; several processes must not do it at once."""
    with mlflow_client(Settings().tracking_uri) as client:
        client.search_experiments(max_results=1)


def seed_in_parallel(family: ProcessFamily, slugs: list[str]) -> Iterator[str]:
    """Log the last week of each scenario; yields each slug when its traffic is there.

    Raises:
        TrafficError: a seeding process failed; the message names its log.
    """
    waiting, running = list(slugs), dict[str, subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            slug = waiting.pop(0)
            running[slug] = family.start(
                f"traffic-{slug}", "-m", "dev.traffic.seed", slug, env=clean_environment(), cwd=REPOSITORY
            )
        for slug, process in list(running.items()):
            status = process.poll()
            if status is None:
                continue
            del running[slug]
            if status != 0:
                raise TrafficError(f"The traffic of {slug} could not be logged; see {family.log(f'traffic-{slug}')}.")
            yield slug
        time.sleep(0.2)

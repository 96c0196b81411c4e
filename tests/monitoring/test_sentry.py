"""Errors reach Sentry by Airflow's own integration, and what a traceback's variables hold stays here."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from tests import REPOSITORY
from tests.loopback import Exchange, answering, serving
from tests.support import WEEK, fenced_blocks, write_program

TASK = """
import logging
from airflow.sdk.execution_time.sentry import Sentry

Sentry.prepare_to_enrich_errors("")
secret = "a customer's letter"
try:
    raise OSError("the disk is full")
except OSError:
    logging.getLogger("teleprompt.traces").exception("The snapshot cannot be written")
Sentry.flush()
"""


@dataclass
class Sentry:
    """Where errors are sent, and what came."""

    environment: dict[str, str]
    """What Airflow's setting takes, as documented."""
    received: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The errors among what came; each envelope is lines of JSON."""
        lines = [json.loads(line) for body in self.received for line in body.splitlines()]
        return [line for line in lines if "exception" in line]


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    own = Sentry({})

    class Handler(Exchange):
        def respond(self) -> None:
            own.received.append(gzip.decompress(self.body()).decode())
            self.answer(200, b"{}")

    with serving(answering(Handler)) as address:
        (documented,) = (text for text in fenced_blocks("docs/monitoring.md", "ini") if "SENTRY" in text)
        settings = dict(line.split("=", 1) for line in documented.splitlines())
        dsn = {"AIRFLOW__SENTRY__SENTRY_DSN": f"{address.replace('://', '://key@')}/1"}
        own.environment = {**os.environ, **settings, **dsn}
        yield own


def run(*arguments: str, env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_error_is_sent_without_the_variables_of_its_traceback(sentry: Sentry) -> None:
    run("-c", TASK, env=sentry.environment)
    sent = "".join(sentry.received)
    assert "The snapshot cannot be written" in sent
    assert "the disk is full" in sent
    assert "a customer's letter" not in sent.replace("\\", "").replace('secret = "a customer\'s letter"', "")


@pytest.mark.slow
def test_a_failed_task_carries_its_program_and_window(sentry: Sentry, settings: Settings, tmp_path: Path) -> None:
    write_program(tmp_path / "programs")
    places = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "TELEPROMPT_TRACKING_URI": settings.tracking_uri.get_secret_value(),
        "TELEPROMPT_STORAGE_URI": settings.storage_uri,
        "TELEPROMPT_PROGRAMS_DIR": str(tmp_path / "programs"),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/plugins",
    }
    run("-m", "tests.monitoring.fail_a_run", env={**sentry.environment, **places})
    (event,) = sentry.events
    assert event["tags"]["teleprompt.program"] == "shelves"
    assert event["tags"]["teleprompt.window"] == str(WEEK)
    assert (event["tags"]["dag_id"], event["tags"]["task_id"]) == ("teleprompt_shelves", "wait_for_traces")
    assert "InsufficientTracesError" in [error["type"] for error in event["exception"]["values"]]

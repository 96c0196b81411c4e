"""Errors reach Sentry by Airflow's own integration, and what a traceback's variables hold stays here."""

import gzip
import os
import subprocess
import sys

from tests import REPOSITORY
from tests.loopback import Exchange, answering, serving

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


def test_an_error_is_sent_without_the_variables_of_its_traceback() -> None:
    received = []

    class Sentry(Exchange):
        def respond(self) -> None:
            received.append(gzip.decompress(self.body()).decode())
            self.answer(200, b"{}")

    with serving(answering(Sentry)) as address:
        env = {
            **os.environ,
            "AIRFLOW__SENTRY__SENTRY_ON": "True",
            "AIRFLOW__SENTRY__SENTRY_DSN": f"{address.replace('://', '://key@')}/1",
            "AIRFLOW__SENTRY__INCLUDE_LOCAL_VARIABLES": "False",
        }
        done = subprocess.run(
            [sys.executable, "-c", TASK], env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    sent = "".join(received)
    assert "The snapshot cannot be written" in sent
    assert "the disk is full" in sent
    assert "a customer's letter" not in sent.replace("\\", "").replace('secret = "a customer\'s letter"', "")

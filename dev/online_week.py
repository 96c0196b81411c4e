"""What follows a rollout in the demo: a simulated week in which both versions answer, and the look at its end.

`python -m dev.online_week SLUG` answers a week of calls through the serving object, whose clock is moved into that
week, logs what came of each, and looks as the program's watch does after it. It prints the decision as JSON.
"""

import argparse
import importlib
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

from dev.local import SIGNER
from dev.signer import local_log
from dev.traffic.contributors import draw_contributor
from teleprompt import load_program
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.config.signers import KeystoreSigner
from teleprompt.environment import configure_third_party
from teleprompt.errors import TelepromptError
from teleprompt.lm.build import build_lm
from teleprompt.production.look import Production
from teleprompt.production.report import ProductionReport
from teleprompt.registry.aliases import CHALLENGER, aliases_of
from teleprompt.registry.change_log import Action, list_changes
from teleprompt.serving.call_log import flush_calls, log_outcome
from teleprompt.tracking.connection import mlflow_client

WEEK = timedelta(days=7)
MOMENT = timedelta(seconds=1)
"""A look has whole seconds, and a week that lacks a part of one is none."""
CALLS = 800
CUSTOMERS = 400
"""Whoever writes to one of them gets the same version each time."""


@dataclass
class Clock:
    """The time of the simulated call, for what asks for the time while it is made."""

    now: datetime

    def time_ns(self) -> int:
        """Nanoseconds since 1970, in whole microseconds."""
        return round(self.now.timestamp() * 1e6) * 1000


def answer_a_week(config: ProgramConfig, start: datetime, calls: int) -> None:
    """The calls of the week after `start`: each customer's are answered by the version that its key is given."""
    import dspy

    scenario = importlib.import_module(f"dev.traffic.{config.slug}").SCENARIO
    rng = random.Random(f"{scenario.slug}|online")
    clock = Clock(start)
    lm = build_lm(LMConfig(temperature=scenario.temperature))
    with dspy.context(lm=lm), moved(clock):
        for number in range(calls):
            clock.now = start + WEEK * (number + 0.5) / calls
            customer, by = f"customer-{rng.randrange(CUSTOMERS)}", draw_contributor(rng)
            program = load_program(
                config.name, key=customer, contributor_id=by.contributor_id, contributor_address=by.address
            )
            inputs = dict(scenario.ask(rng))
            outputs = dict(program(**inputs).items())
            log_outcome(program.trace_id, **{config.outcome.metric: scenario.outcome(rng, inputs, outputs)})
    if not flush_calls():
        raise TelepromptError("The simulated week's calls could not be written; is MLflow there?")


@contextmanager
def moved(clock: Clock) -> Iterator[None]:
    """The serving object's calls begin and end when `clock` says."""
    with patch("teleprompt.serving.logged_program.time", SimpleNamespace(time_ns=clock.time_ns)):
        yield


def look_after_a_week(config: ProgramConfig, settings: Settings, *, calls: int = CALLS) -> ProductionReport | None:
    """Let the challenger answer its share of a week and look at what came of it; None where there is none."""
    with mlflow_client(settings.tracking_uri) as client:
        number = aliases_of(client, config.name).get(CHALLENGER)
        changes = list_changes(client, config.name) if number else []
    began = next((change.at for change in changes if change.action is Action.CHALLENGE), None)
    if began is None:
        return None
    answer_a_week(config, began, calls)
    return Production(config, settings, "make run").look(now=began + WEEK + MOMENT + config.outcome.maturity)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slug", metavar="SLUG")
    slug = parser.parse_args().slug
    configure_third_party()
    settings = Settings()
    signer = KeystoreSigner.model_validate(
        {
            "keystore": json.loads((SIGNER / "keystore.json").read_text()),
            "password": (SIGNER / "password").read_text().strip(),
        }
    )
    config = load_program_file(find_program_file(settings.programs_dir, slug))
    report = look_after_a_week(config, settings.model_copy(update={"signer": signer, "public_log": local_log()}))
    print("null" if report is None else report.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())

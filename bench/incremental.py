"""What a compile saves that takes over what earlier windows bootstrapped: three windows of three weeks, a week apart.

Each strategy that bootstraps runs them twice, each time with a storage of its own: asking anew, and taking over. A
server counts the requests that arrive.
"""

import argparse
import logging
import os
import resource
import tempfile
import time
import warnings
from datetime import UTC, datetime
from typing import Any

from bench.strategies import SIZES
from dev.traffic.seed import last_weeks, seed
from teleprompt.config.files import find_program_file
from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.strategies import OptimizationStrategy
from teleprompt.window import Window
from tests.lm.model_server import ModelServer, model_server

SLUG = "email_draft"
WEEKS = 5
LONG = 3
STRATEGIES = ("bootstrap_fewshot", "bootstrap_fewshot_random", "mipro", "better_together", "knn_fewshot", "ensemble")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=STRATEGIES)
    only = parser.parse_args().only
    configure_third_party()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    weeks = last_weeks(WEEKS, now=datetime.now(UTC))
    windows = [Window(start=first.start, end=last.end) for first, last in zip(weeks, weeks[LONG - 1 :], strict=False)]
    with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as folder, model_server() as server:
        uri = f"sqlite:///{folder}/mlflow.db"
        whole = Window(start=weeks[0].start, end=weeks[-1].end)  # of single weeks each would have the same calls
        seed(SLUG, whole, Settings(tracking_uri=uri, storage_uri=folder))
        head = f"{'strategy':<26}{'window':>7}{'':>6}{'compiling':>10}{'CPU s':>7}{'selecting':>10}{'taken over':>12}"
        print(f"\n{head}", flush=True)
        for name in only:
            for reuse in (False, True):
                settings = Settings(
                    tracking_uri=uri,
                    storage_uri=f"{folder}/{name}-{reuse}",
                    lm=server.config(timeout_seconds=30),
                )
                for number, window in enumerate(windows, start=1):
                    _measure(name, settings, window, server, number=number, reuse=reuse)


def _measure(name: str, settings: Settings, window: Window, server: ModelServer, *, number: int, reuse: bool) -> None:
    changes: dict[str, Any] = {"options": {}, **SIZES[OptimizationStrategy(name)], "strategy": name}
    overrides = {"optimization": {**changes, "reuse_bootstraps": reuse}, "trial": None}
    file = find_program_file(settings.programs_dir, SLUG)
    pipeline = Pipeline.of_file(file, settings=settings, window=window, overrides=overrides)
    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    server.bodies.clear()  # they hold every prompt
    cpu = _cpu_seconds()
    candidates = [pipeline.compile(snapshot, baseline, seed=seed) for seed in pipeline.seeds]
    compiling, cpu = server.requests, _cpu_seconds() - cpu
    pipeline.select(snapshot, candidates)
    taken = sum(candidate.reused_bootstraps for candidate in candidates)
    how = "over" if reuse else "anew"
    selecting = server.requests - compiling
    print(f"{name:<26}{number:>7}{how:>6}{compiling:>10}{cpu:>7.1f}{selecting:>10}{taken:>12}", flush=True)


def _cpu_seconds() -> float:
    """Of the processes that compiled; the server lives in this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"\n{time.perf_counter() - started:.0f} s")

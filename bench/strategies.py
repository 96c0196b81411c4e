"""Every strategy on every example program, with the offline engine: calls, time, and what the gate says.

Traffic of a week is logged into an MLflow store of its own; then each strategy runs the pipeline's own stages, up to
the comparison with the program as written.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from typing import Any

from dev.traffic.seed import SLUGS, last_weeks
from teleprompt.config.files import find_program_file
from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.errors import TelepromptError
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.strategies import OptimizationStrategy
from teleprompt.window import Window

SIZES: dict[OptimizationStrategy, dict[str, Any]] = {
    OptimizationStrategy.LABELED_FEWSHOT: {},
    OptimizationStrategy.BOOTSTRAP_FEWSHOT: {},
    OptimizationStrategy.BOOTSTRAP_FEWSHOT_RANDOM: {"num_candidates": 5},
    OptimizationStrategy.COPRO: {"optimization_rounds": 2, "options": {"breadth": 4, "max_examples": 40}},
    OptimizationStrategy.MIPRO: {"options": {"num_candidates": 4, "num_trials": 8, "max_validation": 60}},
    OptimizationStrategy.GEPA: {"options": {"max_metric_calls": 300, "max_validation": 60}},
    OptimizationStrategy.SIMBA: {"options": {"bsize": 16, "num_candidates": 3, "max_steps": 3}},
    OptimizationStrategy.BETTER_TOGETHER: {"options": {"max_metric_calls": 150, "max_validation": 60}},
    OptimizationStrategy.KNN_FEWSHOT: {},
    OptimizationStrategy.ENSEMBLE: {},
}
"""Small searches, as one would begin with."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[name.value for name in OptimizationStrategy])
    arguments = parser.parse_args()
    configure_third_party()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    window = last_weeks(1, now=datetime.now(UTC))[0]
    with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as name:
        settings = Settings(tracking_uri=f"sqlite:///{name}/mlflow.db", storage_uri=f"{name}/storage")
        for slug in SLUGS:
            where = {"MLFLOW_TRACKING_URI": settings.tracking_uri.get_secret_value()}
            subprocess.run([sys.executable, "-m", "dev.traffic.seed", slug], env={**os.environ, **where}, check=True)
        head = f"{'program':<15}{'strategy':<26}{'calls':>7}{'seconds':>9}{'gate':>6}{'change':>9}{'interval':>20}"
        print(f"\n{head}  verdict")
        for slug in SLUGS:
            for strategy in arguments.only:
                _measure(slug, OptimizationStrategy(strategy), settings, window)


def _measure(slug: str, strategy: OptimizationStrategy, settings: Settings, window: Window) -> None:
    changes = {"strategy": strategy.value, "options": {}, **SIZES[strategy]}
    file = find_program_file(settings.programs_dir, slug)
    overrides = {"optimization": changes, "trial": None}  # each strategy is compared on its own
    started = time.perf_counter()
    pipeline = Pipeline.of_file(file, settings=settings, window=window, overrides=overrides)
    label = f"{slug:<15}{strategy.value:<26}"
    try:
        snapshot, baseline = pipeline.collect(), pipeline.baseline()
        candidates = [pipeline.compile(snapshot, baseline, seed=seed) for seed in pipeline.seeds]
        selection = pipeline.select(snapshot, candidates)
        seconds = time.perf_counter() - started
        decision = pipeline.comparing.gate(snapshot, selection, baseline).report
    except TelepromptError as error:
        print(f"{label}{error}", flush=True)
        return
    interval = f"[{decision.ci_low_e6 / 1e4:+.1f}, {decision.ci_high_e6 / 1e4:+.1f}]"
    print(
        f"{label}{selection.spend.calls:>7}{seconds:>9.1f}{decision.n:>6}{decision.delta_e6 / 1e4:>+9.1f}{interval:>20}"
        f"  {decision.verdict}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Whether MLflow's SQLite file stays sound while commands, a DAG and submitted traces write and read it at once.

`python -m bench.soak --minutes 10` after `make run`: three loops over the store of `.local`, each command a process of
its own as an operator would start it, and at last SQLite's own `PRAGMA integrity_check`.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from dev import REPOSITORY
from dev.local import airflow_environment, free_ports
from dev.traffic.seed import last_weeks
from teleprompt.config.settings import Settings
from teleprompt.window import format_utc

TELEPROMPT = Path(sys.executable).with_name("teleprompt")
AIRFLOW = Path(sys.executable).with_name("airflow")
ROWS = 50


def main() -> int:
    """0 if the file is sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    until = time.monotonic() + 60 * parser.parse_args().minutes
    file = Path(Settings().tracking_uri.get_secret_value().removeprefix("sqlite:///"))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        loops = {
            "teleprompt run": lambda: _loop(_runs(), until),
            "airflow dags test": lambda: _loop(_dag_runs(), until),
            "traces submit": lambda: _loop(_submissions(Path(folder)), until),
        }
        ended = {name: pool.submit(loop) for name, loop in loops.items()}
        for name, future in ended.items():
            statuses = ", ".join(f"{n} with exit status {status}" for status, n in sorted(future.result().items()))
            print(f"{name:<20} {statuses}")
    with closing(sqlite3.connect(file)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        (runs,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
        (traces,) = connection.execute("SELECT COUNT(*) FROM trace_info").fetchone()
    print(f"integrity_check: {verdict} ({runs} runs, {traces} traces, {file.stat().st_size >> 20} MB)")
    return int(verdict != "ok")


def _loop(commands: Iterator[Callable[[], int]], until: float) -> Counter[int]:
    statuses: Counter[int] = Counter()
    for command in commands:
        if time.monotonic() > until:
            break
        statuses[command()] += 1
    return statuses


def _call(*command: str | Path, env: dict[str, str] | None = None) -> int:
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, check=False).returncode


def _windows() -> Iterator[tuple[str, str]]:
    """The week of `make run`, begun a second later each time: none was run before."""
    week = last_weeks(1, now=datetime.now(UTC))[0]
    for i in count(1):
        yield format_utc(week.start + timedelta(seconds=i)), format_utc(week.end)


def _runs() -> Iterator[Callable[[], int]]:
    for start, end in _windows():
        yield lambda start=start, end=end: _call(TELEPROMPT, "run", "email_draft", "--start", start, "--end", end)


def _dag_runs() -> Iterator[Callable[[], int]]:
    env = airflow_environment(free_ports())
    for start, end in _windows():
        conf = json.dumps({"window_start": start, "window_end": end})
        yield lambda conf=conf, start=start: _call(
            AIRFLOW, "dags", "test", "teleprompt_ticket_triage", start, "--conf", conf, env=env
        )


def _submissions(folder: Path) -> Iterator[Callable[[], int]]:
    began = datetime.now(UTC).replace(microsecond=0)
    for i in count():
        file = folder / f"{i}.ndjson"
        rows = (
            {
                "trace_id": f"soak-{began:%H%M%S}-{i}-{row}",
                "started_at": (began - timedelta(hours=1, seconds=row)).isoformat(),
                "inputs": {"ticket": f"the printer of floor {i} is out of paper, for the {row}th time"},
                "outputs": {"queue": "hardware"},
                "contributor_id": f"c{row % 7}",
                "outcomes": {"resolved": row % 2},
            }
            for row in range(ROWS)
        )
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        yield lambda file=file: _call(TELEPROMPT, "traces", "submit", "ticket_triage", file)


if __name__ == "__main__":
    raise SystemExit(main())

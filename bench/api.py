"""The API under load: many clients read while traces are handed in; one API server process, SQLite behind it.

Then a few clients read, and beside our routes a list of Airflow's own: with two hundred at once that one stands still,
for its requests hold all connections to Airflow's database and wait for threads. The clients are processes of their
own, on the same two cores.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.conftest import store_in  # first: it gives Airflow a home of its own

SUBMITTED_AT_ONCE = 100
AIRFLOWS_OWN = "/api/v2/dags"
"""A list of Airflow's own API, from the same server in the same run: what its users are used to."""
FEW = 10


async def read(base: str, token: str, paths: list[str], *, clients: int, seconds: float) -> dict[str, Any]:
    """Latencies in seconds by path, and answers that were no success."""
    taken: dict[str, list[float]] = {path: [] for path in paths}
    wrong: list[str] = []
    ends = time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {token}"}

    async def client(number: int) -> None:
        # `verify=False`: no TLS here, and reading the certificates anew for each client would take the server's time.
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=120, verify=False) as http:
            turn = number
            while time.monotonic() < ends:
                path = paths[turn % len(paths)]
                turn += 1
                began = time.monotonic()
                answer = await http.get(path)
                taken[path].append(time.monotonic() - began)
                if answer.status_code != 200:
                    wrong.append(f"{path} {answer.status_code}")

    await asyncio.gather(*(client(number) for number in range(clients)))
    return {"taken": taken, "wrong": wrong}


def hand_in(base: str, token: str, *, until: float) -> int:
    """Submit in bulk, one request after the other; rows that were accepted."""
    accepted = 0
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=120) as http:
        while time.monotonic() < until:
            rows = [
                {
                    "trace_id": f"load-{accepted + i}",
                    "started_at": "2026-10-01T00:00:00Z",
                    "inputs": {"item": "cup"},
                    "outputs": {"shelf": "left"},
                    "contributor_id": "alice",
                }
                for i in range(SUBMITTED_AT_ONCE)
            ]
            answer = http.post("/programs/shelves/traces/bulk", content="\n".join(map(json.dumps, rows)))
            answer.raise_for_status()
            accepted += answer.json()["accepted"]
    return accepted


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--read", help="base URL, token and paths as JSON: only read, and print the latencies as JSON")
    arguments = parser.parse_args()
    if arguments.read:
        base, token, paths = json.loads(arguments.read)
        print(json.dumps(asyncio.run(read(base, token, paths, clients=arguments.clients, seconds=arguments.seconds))))
        return
    with TemporaryDirectory() as folder:
        _measure(Path(folder), arguments.clients, arguments.seconds)


def _measure(folder: Path, clients: int, seconds: float) -> None:
    from teleprompt.traces.submission.spool import Spool
    from teleprompt.tracking.connection import mlflow_client
    from tests.airflow.api.conftest import API, listening, server_over

    with mlflow_client(f"sqlite:///{folder}/empty.db") as client:
        client.search_experiments(max_results=1)
    with server_over(store_in(folder, folder / "empty.db"), cache_seconds=1) as world, listening(world) as address:
        base, token = f"{address}{API}", world.tokens["admin"]
        one = f"/attestations/{world.run.attestation_id}"
        paths = ["/health/live", "/programs", "/programs/shelves", "/programs/shelves/versions", one,
                 "/programs/shelves/runs?limit=1"]  # fmt: skip
        reader = _reader(base, token, paths, clients=clients, seconds=seconds)
        accepted = hand_in(base, token, until=time.monotonic() + seconds)
        found = json.loads(reader.communicate()[0])
        beside = [*paths, f"{address}{AIRFLOWS_OWN}?limit=5"]
        compared = json.loads(_reader(base, token, beside, clients=FEW, seconds=seconds / 2).communicate()[0])
        spool = Spool(world.settings.spool_dir)
        while len(spool):
            time.sleep(0.5)
        with mlflow_client(world.settings.tracking_uri) as client:
            span = {"start": "2026-10-01T00:00:00Z", "end": "2026-10-01T00:00:01Z"}
            stored = world.get("/programs/shelves/traces/count", **span)["found"]["calls"]
    print(f"\n{clients} clients read for {seconds:.0f} s while traces are handed in; one server process")
    _table(found, seconds)
    print(f"\nanswers that were no success: {len(found['wrong'])}")
    print(f"accepted {accepted} traces ({accepted / seconds:.0f}/s), in MLflow {stored}, set aside {spool.aside()}")
    print(f"\n{FEW} clients, and Airflow's own list beside ours")
    medians = _table(compared, seconds / 2)
    airflows = medians.pop(AIRFLOWS_OWN)
    print(f"\nour slowest median is {max(medians.values()) / airflows:.2f} of that of Airflow's own list")


def _reader(base: str, token: str, paths: list[str], *, clients: int, seconds: float) -> subprocess.Popen[str]:
    asked = json.dumps([base, token, paths])
    command = [sys.executable, "-m", "bench.api", "--read", asked, "--clients", str(clients)]
    return subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)


def _table(found: dict[str, Any], seconds: float) -> dict[str, float]:
    """Print rates and latencies; the medians by path, in seconds."""
    print(f"\n{'':<46}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
    medians = {}
    for path, taken in found["taken"].items():
        cuts = statistics.quantiles(taken, n=100)
        shown = AIRFLOWS_OWN if AIRFLOWS_OWN in path else path.partition("?")[0]
        medians[shown] = cuts[49]
        print(f"{shown[:44]:<46}{len(taken) / seconds:>12.1f}{cuts[49] * 1000:>10.0f}{cuts[98] * 1000:>10.0f}")
    return medians


if __name__ == "__main__":
    main()

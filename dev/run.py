"""`make run`: the main job. Traffic into MLflow, Airflow over it, one DAG run per program, a table of verdicts.

A version that passed the gate of a program with a rollout then answers a share of a simulated week.
"""

import os
import sys
import time
from datetime import UTC, datetime

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import StackError, start_airflow, wait_for_dag
from dev.local import LOGS, RUN, free_ports
from dev.processes import ProcessFamily, process_family
from dev.progress import RunProgress, describe
from dev.rollout import ROLLOUT, RolloutWeeks
from dev.signer import ensure_signer, signer_environment
from dev.summary import print_summary, summarize, write_summary
from dev.traffic.parallel import TrafficError, prepare_store, seed_in_parallel
from dev.traffic.seed import SLUGS, last_weeks
from teleprompt.environment import configure_third_party
from teleprompt.window import Window, format_utc

RUN_SECONDS = 1200


def main() -> int:
    """The exit status: 0 when every run succeeded."""
    configure_third_party()
    os.environ.update(ROLLOUT)
    RUN.mkdir(parents=True, exist_ok=True)
    window = last_weeks(1, now=datetime.now(UTC))[0]
    began = time.monotonic()
    try:
        with process_family(LOGS) as family:
            weeks = RolloutWeeks(family)
            states = _run_programs(family, window, weeks)
            weeks.wait()
            print(f"Stopping Airflow ({time.monotonic() - began:.0f} s so far)", flush=True)
    except (StackError, TrafficError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is stopped.", file=sys.stderr)
        return 130
    summaries = [summarize(slug, _dag_id(slug), run_id, state, window) for slug, (run_id, state) in states.items()]
    print_summary(summaries, write_summary(summaries))
    failed = [slug for slug, (_, state) in states.items() if state != "success"]
    if failed:
        print(f"Error: {', '.join(failed)} failed; the task logs are in .local/airflow/logs.", file=sys.stderr)
    return 1 if failed else 0


def _run_programs(family: ProcessFamily, window: Window, weeks: RolloutWeeks) -> dict[str, tuple[str, str]]:
    """Run each program's DAG over `window`; by program the run's id and state."""
    print(f"Window {window}; logs in .local/logs", flush=True)
    ensure_signer()
    prepare_store()
    seeded = seed_in_parallel(family, list(SLUGS))
    print("Logging a week of production-like traffic into MLflow, starting Airflow", flush=True)
    first = next(seeded)
    # Runs are triggered by hand here, so the schedules stay out of it.
    by_hand = {"TELEPROMPT_PROGRAM__SCHEDULE": "none"}
    api = start_airflow(family, free_ports(), extra_env=signer_environment() | ROLLOUT | by_hand)
    runs: dict[str, str] = {}
    with RunProgress(list(SLUGS)) as progress:
        for slug in (first, *seeded):
            runs[slug] = _trigger(api, slug, window, family)
            progress.show(slug, "triggered")
            _watch(api, runs, progress)
        states = _wait(api, runs, progress, family, weeks)
    for slug in runs:
        api.set_paused(_dag_id(slug), True)  # `make up` starts nothing that nobody asked for
    return {slug: (runs[slug], states[slug]) for slug in SLUGS}


def _trigger(api: AirflowApi, slug: str, window: Window, family: ProcessFamily) -> str:
    wait_for_dag(api, _dag_id(slug), family)
    api.set_paused(_dag_id(slug), False)
    return api.trigger(_dag_id(slug), {"window_start": format_utc(window.start), "window_end": format_utc(window.end)})


def _watch(api: AirflowApi, runs: dict[str, str], progress: RunProgress) -> dict[str, str]:
    states = {}
    for slug, run_id in runs.items():
        states[slug] = api.run_state(_dag_id(slug), run_id)
        progress.show(slug, describe(states[slug], api.task_instances(_dag_id(slug), run_id)))
    return states


def _wait(
    api: AirflowApi, runs: dict[str, str], progress: RunProgress, family: ProcessFamily, weeks: RolloutWeeks
) -> dict[str, str]:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        states = _watch(api, runs, progress)
        weeks.begin(slug for slug, state in states.items() if state == "success")
        if all(state in ENDED for state in states.values()):
            return states
        if time.monotonic() > deadline:
            raise StackError(f"The runs did not end within {RUN_SECONDS} s; see {family.log('airflow-scheduler')}.")
        if family.fallen():
            raise StackError(f"{family.fallen()[0]} ended; see {family.log(family.fallen()[0])}.")
        time.sleep(1)


def _dag_id(slug: str) -> str:
    return f"teleprompt_{slug}"


if __name__ == "__main__":
    sys.exit(main())

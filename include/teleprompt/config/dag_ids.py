"""What the DAGs of programs are called; light enough for every process."""

import re

DAG_PREFIX = "teleprompt_"
MAINTENANCE_DAG_ID = f"{DAG_PREFIX}maintenance"
"""Of the DAG that looks after the storage; no program can have it."""
REPORT_DAG_ID = f"{DAG_PREFIX}report"
"""Of the DAG that reports on all programs; no program can have it."""
WATCH = ".watch"


def dag_id(program: str) -> str:
    """The DAG's id of a program; characters that Airflow does not take become `_`."""
    return DAG_PREFIX + re.sub(r"[^A-Za-z0-9_.-]", "_", program)


def watch_dag_id(program: str) -> str:
    """The id of the DAG that watches a program; no program's name has a dot."""
    return f"{dag_id(program)}{WATCH}"


def program_of(dag_id: str) -> tuple[str, str] | None:
    """The program of a DAG and what the DAG does for it, `program` or `watch`; None for a DAG that is none of ours.

    Of a DAG for all programs both are what it does.
    """
    if not dag_id.startswith(DAG_PREFIX):
        return None
    name = dag_id.removeprefix(DAG_PREFIX)
    if dag_id in {MAINTENANCE_DAG_ID, REPORT_DAG_ID}:
        return name, name
    return (name.removesuffix(WATCH), "watch") if name.endswith(WATCH) else (name, "program")

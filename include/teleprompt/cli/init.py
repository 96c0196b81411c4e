"""`teleprompt init`: the package in an Airflow project that is there already."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, say
from teleprompt.example.calls import PROGRAM, next_commands

CONNECTIONS = (
    ("mlflow_default", "teleprompt_mlflow", '{"tracking_uri": "…"}', "the MLflow where your programs log their calls"),
    ("teleprompt_storage", "teleprompt_storage", '{"uri": "…"}', "a folder or bucket that all workers see"),
    ("teleprompt_lm", "teleprompt_lm", '{"model": "…"}', "your programs' model; its key is the password"),
    ("teleprompt_signer", "teleprompt_signer", '{"keystore": "…"}', "signs attestations; `teleprompt signer new`"),
)
"""Id, type, extra, and what it is for."""

LOCAL = {
    "mlflow_default": '{tracking_uri: "sqlite:///.local/mlflow/mlflow.db"}',
    "teleprompt_storage": "{uri: .local/storage}",
    "teleprompt_lm": "{model: offline/nearest-demo}",
}
"""What a local Airflow begins with; it signs nothing."""


def init(
    project: Annotated[Path, typer.Argument(help="The folder of the Airflow project.", file_okay=False)] = Path(),
    undo: Annotated[bool, typer.Option("--undo", help="Remove what an earlier init wrote, unless it changed.")] = False,
    json_: JsonOption = False,
) -> None:
    """Add a DAG file and an example program to an Airflow or Astro project; nothing that is there is touched."""
    from teleprompt.example.scaffold import scaffold, take_back

    project = project.resolve()
    done = take_back(project) if undo else scaffold(project, _contents(project))
    if json_:
        print_json({"project": str(project), **done.model_dump(mode="json")})
        return
    for name in done.written:
        say(f"wrote    {name}")
    for name in done.removed:
        say(f"removed  {name}")
    for name in done.kept:
        say(f"kept     {name}, which {'was changed since' if undo else 'was there'}")
    if not undo:
        _say_what_is_next(project)


def _contents(project: Path) -> dict[str, str]:
    example = files("teleprompt.example")
    contents = {
        "dags/teleprompt.py": "dag_file.txt",
        f"include/programs/{PROGRAM}.py": f"{PROGRAM}.py",
        f"include/programs/{PROGRAM}.yaml": f"{PROGRAM}.yaml",
    }
    read = {name: (example / source).read_text(encoding="utf-8") for name, source in contents.items()}
    if (project / ".astro").is_dir():  # Astro's command reads it when it starts a local Airflow
        read["airflow_settings.yaml"] = _local_settings()
    return read


def _local_settings() -> str:
    connections = "".join(
        f"    # {purpose}\n    - conn_id: {conn_id}\n      conn_type: {kind}\n      conn_extra: {LOCAL[conn_id]}\n"
        for conn_id, kind, _, purpose in CONNECTIONS
        if conn_id in LOCAL
    )
    return (
        "# Connections and pools of a local Airflow. Relative paths start at the project.\n"
        f"airflow:\n  connections:\n{connections}"
        "  pools:\n    - pool_name: teleprompt\n      pool_slot: 4\n"
        "    - pool_name: teleprompt_chain\n      pool_slot: 1\n  variables: []\n"
    )


def _say_what_is_next(project: Path) -> None:
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    requirements = project / "requirements.txt"
    if requirements.is_file() and "teleprompt-airflow" not in requirements.read_text(encoding="utf-8"):
        say("")
        say("Add this line to requirements.txt:  teleprompt-airflow")
    say("")
    say("In Airflow, make the pool `teleprompt` and these connections; without one, its TELEPROMPT_… setting holds:")
    for conn_id, kind, extra, purpose in CONNECTIONS:
        say(f"  {conn_id:<20} {kind:<20} {extra:<24} {purpose}")
    say("")
    say("Try it here, with a week of made-up calls and the built-in offline model:")
    say(f"  cd {project}")
    say(f"  teleprompt traces example {PROGRAM}.jsonl")
    for command in next_commands(f"{PROGRAM}.jsonl", until):
        say(f"  {command}")

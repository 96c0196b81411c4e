"""Takes shapes from `validate` to the verdict: `python -m tests.shapes.runner rag "react gepa"`.

All stages are those of a run, on MLflow's own traces in a real store; only the processes that program code gets for
itself are left out, which have tests of their own, so that a shape takes two seconds and not fifteen. The check that a
version loads from its own files alone has one, forked from a process that imported no program.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from teleprompt.environment import configure_third_party

os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp(prefix="shapes-dspy-")
os.environ["MLFLOW_ASYNC_TRACE_LOGGING_MAX_QUEUE_SIZE"] = "100000"
os.environ["MLFLOW_ASYNC_TRACE_LOGGING_MAX_WORKERS"] = "1"  # SQLite lets no second one write
configure_third_party()

import dspy  # noqa: E402
import mlflow  # noqa: E402
from sqlalchemy import Engine, event  # noqa: E402

from teleprompt.config.settings import LMConfig, Settings  # noqa: E402
from teleprompt.errors import TelepromptError  # noqa: E402
from teleprompt.evaluate import answer_score, describe  # noqa: E402
from teleprompt.optimize import _child, optimization  # noqa: E402
from teleprompt.pipeline.pipeline import Pipeline  # noqa: E402
from teleprompt.pipeline.whole_run import compare_candidate  # noqa: E402
from teleprompt.program.channel import Channel, Job  # noqa: E402
from teleprompt.queries.catalog import check_program  # noqa: E402
from teleprompt.traces.snapshot import SnapshotPart, read_rows, read_snapshot  # noqa: E402
from teleprompt.window import Window  # noqa: E402
from tests.empty_store import empty_store  # noqa: E402
from tests.loopback import serving  # noqa: E402
from tests.shapes.corpus import SHAPES  # noqa: E402
from tests.shapes.model_server import serve  # noqa: E402
from tests.shapes.shape import Shape  # noqa: E402
from tests.warm import WORKER, WORKER_MODULES, forking, program_code_in_forks  # noqa: E402

LOOKS = "gate: {looks_a_year: %d}\nsplit: {train: 0.3, select: 0.2, gate: 0.5}"
"""A comparison that is alone may make all of the year's error; so few calls could show nothing else."""


def here(
    job: Job, returns: Any, *, on_said: Callable[[dict[str, Any]], None] = lambda _said: None, **_limits: Any
) -> Any:
    """Do a job in this process; its record crosses as JSON all the same."""
    with Path(os.devnull).open("wb") as nowhere:
        found = job.run(Channel(nowhere))
    return returns.model_validate_json(found.model_dump_json())


@event.listens_for(Engine, "connect")
def _trust_the_power_supply(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


for place in (describe, _child, optimization, answer_score):
    place.run_in_process = here  # type: ignore[attr-defined]


class Runner:
    """One store and one model for all shapes that are asked for."""

    def __init__(self, folder: Path, address: str) -> None:
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.address = address
        self.settings = Settings(
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            storage_uri=str(folder / "storage"),
            programs_dir=self.programs,
            parallel_candidates=1,  # what guards a process of program code is one for all threads
        )
        mlflow.set_tracking_uri(str(self.settings.tracking_uri))
        sys.path.append(str(self.programs))  # as a service finds the modules that its program imports

    def run(self, shape: Shape, *, strategy: str = "") -> dict[str, Any]:
        """What became of it."""
        file = self.write(shape, strategy)
        checked = check_program(file, process=self.settings.program_process)
        if checked.problem is not None:
            return {"refused": checked.problem.error}
        fields = checked.fields
        assert fields is not None
        described = {"inputs": _in_words(fields.inputs), "outputs": _in_words(fields.outputs)}
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        window = Window(start=now - timedelta(days=1), end=now)
        lm = LMConfig(model=f"openai/{shape.name}", api_base=f"{self.address}/v1", api_key="none")
        pipeline = Pipeline.of_file(file, settings=self.settings.model_copy(update={"lm": lm}), window=window)
        try:
            compared = compare_candidate(pipeline)
        except TelepromptError as error:
            return {**described, "failed": str(error)}
        assert compared is not None
        snapshot, report = read_snapshot(compared.snapshot), compared.comparison.report
        sealed = read_rows(SnapshotPart.model_validate(snapshot.gate.model_dump()))
        good = [row for row in sealed if row.score_e6 >= 700_000]
        numbers = [_number(" ".join(filter(None, row.inputs.values()))) for row in good]
        untaught = [1.0 if shape.knows(n) else shape.wrong_scores for n in numbers]
        taught = [1.0 if shape.taught is None else shape.taught(n)[1] for n in numbers]
        return {
            **described,
            "collected": f"{_in_words(snapshot.fields.inputs)} -> {_in_words(snapshot.fields.outputs)}",
            "usable": snapshot.trace_count,
            "quarantined": snapshot.quarantined,
            "verdict": report.verdict.value,
            "n": report.n,
            "baseline": report.baseline_e6 / 1e6,
            "optimized": report.optimized_e6 / 1e6,
            "truth": {"baseline": sum(untaught) / len(numbers), "optimized": sum(taught) / len(numbers)},
            "failures": compared.comparison.failures,
        }

    def write(self, shape: Shape, strategy: str = "") -> Path:
        """Its files."""
        (self.programs / f"{shape.name}.py").write_text(shape.source)
        for name, text in shape.extra.items():
            (self.programs / name).write_text(text)
        chosen = strategy or "bootstrap_fewshot"
        sizes = f"min_traces: 30, strategy: {chosen}, options: {{{STRATEGIES[chosen]}}}"
        how = f"optimization: {{{sizes}}}\n{LOOKS % (10 if strategy else 1)}"
        file = self.programs / f"{shape.name}.yaml"
        once = "schedule: none\ntrial: none\noutcome: {metric: ok}"
        file.write_text(f"name: Shape {shape.name}\n{once}\n{how}\n{shape.yaml}\n")
        return file

    def log_calls(self, shapes: list[Shape]) -> None:
        """What services do: autologged calls with tags, and feedback on each."""
        mlflow.set_experiment("production")
        mlflow.dspy.autolog()
        feedback = [said for shape in shapes for said in self._calls_of(shape)]
        mlflow.flush_trace_async_logging()
        for trace_id, value in feedback:
            mlflow.log_feedback(trace_id=trace_id, name="ok", value=value)

    def _calls_of(self, shape: Shape) -> Iterator[tuple[str, float]]:
        """Call the program; the ids of its traces, each with what came of it."""
        file = self.write(shape)
        spec = importlib.util.spec_from_file_location(f"service_{shape.name}", file.with_suffix(".py"))
        assert spec is not None
        assert spec.loader is not None
        code = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = code
        spec.loader.exec_module(code)
        program = code.build()
        models = {
            mood: dspy.LM(f"openai/{shape.name}.{mood}", api_base=f"{self.address}/v1", api_key="none", cache=False)
            for mood in ("right", "wrong")
        }
        for n in range(shape.calls_made):
            good = n % 4 > 0
            arguments = getattr(code, "arguments", shape.asks)(n, f"case-{n} of the {n * 7919 % 9973} others?")
            tags = {"dspy_program_name": f"Shape {shape.name}", "contributor_id": f"c{n % 5}"}
            with dspy.context(lm=models["right" if good else "wrong"]), mlflow.tracing.context(tags=tags):
                if hasattr(type(program), "forward"):
                    program(**arguments)
                else:
                    asyncio.run(program.acall(**arguments))
            trace_id = mlflow.get_last_active_trace_id()
            assert trace_id is not None
            yield trace_id, 0.9 if good else 0.1


STRATEGIES = {
    "labeled_fewshot": "max_labeled_demos: 2",
    "bootstrap_fewshot": "max_bootstrapped_demos: 2, max_labeled_demos: 2",
    "bootstrap_fewshot_random": "max_bootstrapped_demos: 1, max_labeled_demos: 1",
    "copro": "breadth: 2",
    "mipro": "num_candidates: 2, num_trials: 2, max_bootstrapped_demos: 1, max_labeled_demos: 1, max_validation: 4",
    "simba": "bsize: 4, num_candidates: 2, max_steps: 1, max_demos: 1",
    "gepa": "max_metric_calls: 20, max_validation: 4",
    "knn_fewshot": "k: 2, max_bootstrapped_demos: 2, max_labeled_demos: 4",
    "ensemble": "size: 2, max_bootstrapped_demos: 1, max_labeled_demos: 2",
}
"""Each small."""


def _in_words(fields: Any) -> str:
    return ", ".join(f"{field.name}{'' if field.required else '?'}: {field.type}" for field in fields)


def _number(text: str) -> int:
    import re

    found = re.search(r"case-(\d+)", text)
    assert found is not None
    return int(found[1])


@contextmanager
def runner() -> Iterator[Runner]:
    """One in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="shapes-") as folder, serving(serve(SHAPES)) as address:
        shutil.copy(empty_store(), Path(folder) / "mlflow.db")
        with forking(Path(folder), WORKER, WORKER_MODULES) as door, program_code_in_forks(door):
            yield Runner(Path(folder), address)


def main() -> None:
    """Answer each argument, `name` or `name strategy`, with a line of JSON."""
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what programs and optimizers print is no answer
    asked = [(SHAPES[name], strategy) for name, _, strategy in (argument.partition(" ") for argument in sys.argv[1:])]
    with runner() as own:
        own.log_calls([shape for shape in dict.fromkeys(shape for shape, _ in asked) if not shape.refused])
        for shape, strategy in asked:
            said.write(json.dumps({"name": shape.name, **own.run(shape, strategy=strategy)}) + "\n")


if __name__ == "__main__":
    main()

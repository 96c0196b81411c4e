"""Builders of the things that tests talk about."""

import dataclasses
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dev.traffic.log import AsRun
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.config.signers import KeystoreSigner
from teleprompt.lm.build import build_lm
from teleprompt.program.fields import DeclaredFields, Field, ProgramFields
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import from_millionths
from teleprompt.traces._staging import stage
from teleprompt.traces._write import write_snapshot
from teleprompt.traces.curation.decide import decide
from teleprompt.traces.row import TraceRow, arrow_schema
from teleprompt.traces.snapshot import Reading, Snapshot, SnapshotPart, SnapshotRecord, read_rows
from teleprompt.traces.sources.raw import as_texts, in_order, raw_schema
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests import REPOSITORY
from tests.many_runs import log_many

if TYPE_CHECKING:
    import pyarrow as pa

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
WEEK = Window(start=MONDAY, end=MONDAY + timedelta(days=7))
ALICE = "0x742D35cc6634C0532925A3B844BC9E7595f62341"
BOB = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
FIELDS = ProgramFields(
    inputs=(Field(name="question", is_text=True, type="str", json_schema={"type": "string"}),),
    outputs=(Field(name="answer", is_text=True, type="str", json_schema={"type": "string"}),),
)

GRADING_CODE = """
import dspy

class Grade(dspy.Signature):
    thing: str = dspy.InputField()
    grade: float = dspy.OutputField()

def build():
    return dspy.Predict(Grade)
"""

PROGRAM_CODE = '''
from typing import Literal

import dspy


class Sort(dspy.Signature):
    """Say which shelf the thing belongs on."""

    thing: str = dspy.InputField()
    shelf: Literal["left", "right"] = dspy.OutputField()


def build():
    return dspy.Predict(Sort)
'''


def raw_trace(**changes: Any) -> dict[str, Any]:
    """A raw trace that nothing is wrong with, but for `changes`; `outcomes` by name, arrived at the start."""
    return {
        "trace_id": "t1",
        "source": "runs",
        "started_at_ms": WEEK.start_ms,
        "latency_ms": 100,
        "failed": False,
        "inputs": {"question": "why"},
        "outputs": {"answer": "because"},
        "outcomes": {"outcome_score": 0.9},
        "contributor_id": "alice",
        "contributor_address": ALICE,
        "program_version": None,
        "group": None,
        **changes,
    }


def raw_table(traces: Iterable[dict[str, Any]]) -> "pa.Table":
    """Raw traces as a source gives them; outcomes by name, as a list of (name, value, time), or as what was said."""
    import pyarrow as pa

    rows = []
    for trace in traces:
        forms: dict[str, str] = {}
        outcomes = trace["outcomes"]
        if isinstance(outcomes, dict):
            outcomes = [(name, value, trace["started_at_ms"]) for name, value in outcomes.items()]
        rows.append(
            {
                **trace,
                "inputs": as_texts(trace["inputs"], "input.", forms),
                "outputs": as_texts(trace["outputs"], "output.", forms),
                "forms": list(forms.items()),
                "outcomes": [
                    {"kind": "metric", "on_call": True, "of_session": False, **one}
                    if isinstance(one, dict)
                    else {
                        "name": one[0],
                        "value": one[1],
                        "at_ms": one[2],
                        "kind": "metric",
                        "on_call": True,
                        "of_session": False,
                    }
                    for one in outcomes
                ],
            }
        )
    return in_order(pa.Table.from_pylist(rows, schema=raw_schema()))


def write_snapshot_of(
    traces: Iterable[dict[str, Any]], folder: Path | str, *, fields: ProgramFields = FIELDS, **config: Any
) -> tuple[Snapshot, SnapshotRecord]:
    """A snapshot of raw traces as program `P` would make it."""
    program = ProgramConfig.model_validate({"name": "P", "slug": "p", "trial": None, **config})
    with TemporaryDirectory() as name:
        declared = DeclaredFields.exactly(fields)
        staged = stage([raw_table(traces)], config=program, declared=declared, folder=Path(name), now_ms=2**62)
        return write_snapshot(
            staged,
            decide(staged.facts, program),
            config=program,
            window=WEEK,
            fields=fields,
            reading=Reading(sources=(), config_fingerprint=None),
            folder=Path(name),
            storage_uri=str(folder),
        )


def trace_row(**changes: Any) -> TraceRow:
    """A usable row, but for `changes`."""
    good = TraceRow(
        trace_id="t1",
        program="P",
        program_version=None,
        started_at_ms=WEEK.start_ms,
        inputs={"question": "why"},
        outputs={"answer": "because"},
        outcomes={"outcome_score": 0.9},
        outcome_at_ms=None,
        score_e6=900_000,
        contributor_id="alice",
        contributor_address=ALICE,
        group=None,
        source="runs",
    )
    return dataclasses.replace(good, **changes)


def typed_fields(**outputs: Any) -> TypedFields:
    """`FIELDS` with their types, or other outputs by name and type."""
    from teleprompt.program.value_type import ValueType

    question = ValueType(str)
    types = {name: ValueType(annotation) for name, annotation in (outputs or {"answer": str}).items()}
    fields = ProgramFields(
        inputs=(question.field("question"),), outputs=tuple(type_.field(name) for name, type_ in types.items())
    )
    return TypedFields(fields, inputs={"question": question}, outputs=types)


def to_arrow(rows: Sequence[TraceRow], fields: ProgramFields) -> "pa.Table":
    """Usable rows as a snapshot keeps them."""
    import pyarrow as pa

    def record(row: TraceRow) -> dict[str, Any]:
        values = dataclasses.asdict(row)
        values["started_at"] = values.pop("started_at_ms")
        values["outcome_at"] = values.pop("outcome_at_ms")
        values["score"] = from_millionths(values.pop("score_e6"))
        values["outcomes"] = sorted(row.outcomes.items())
        return values

    return pa.Table.from_pylist([record(row) for row in rows], schema=arrow_schema(fields))


def log_run(client: Any, experiment_id: str, *, program: str = "P", at: datetime = MONDAY, **changes: Any) -> str:
    """Log one call the documents' way; returns the run's id."""
    from mlflow.entities import Metric, Param

    call = {
        "inputs": {"question": "why"},
        "outputs": {"answer": "because"},
        "metrics": {"outcome_score": 0.9},
        "contributor": "alice",
        "address": ALICE,
        **changes,
    }
    started = round(at.timestamp() * 1000)
    tags = {"dspy_program_name": program, "contributor_id": call["contributor"]}
    if call["address"] is not None:
        tags["contributor_address"] = call["address"]
    run = client.create_run(experiment_id, start_time=started, tags=tags)
    params = [Param(f"input.{k}", v) for k, v in call["inputs"].items()]
    params += [Param(f"output.{k}", v) for k, v in call["outputs"].items()]
    metrics = [Metric(k, v, started, 0) for k, v in call["metrics"].items()]
    client.log_batch(run.info.run_id, params=params, metrics=metrics)
    client.set_terminated(run.info.run_id, end_time=started + 1)
    return str(run.info.run_id)


def log_shelf_calls(
    settings: Settings,
    *,
    count: int,
    window: Window = WEEK,
    good: float = 1.0,
    first: int = 0,
    program: str = "Shelves",
) -> None:
    """Calls of a program that sorts things onto shelves: nothing in its prompt tells which shelf, the good traces do.

    The outputs are right for every second call; those have the outcome `good`, the others 0.
    """
    with mlflow_client(settings.tracking_uri) as client:
        found = client.get_experiment_by_name("shop")
        folder = Path(settings.storage_uri).parent
        experiment = found.experiment_id if found else client.create_experiment("shop", str(folder / "shop"))
        log_many(
            client,
            experiment,
            [_shelf_call(i, count, window, good=good, first=first, program=program) for i in range(count)],
        )


def _shelf_call(i: int, count: int, window: Window, *, good: float, first: int, program: str) -> AsRun:
    kind = _kind(i)
    right = _RIGHT[kind]
    wrong = {"wooden": "right", "metal": "left"}[kind]
    contributor, address = ("bob", BOB) if i % 3 == 0 else ("alice", ALICE)
    started = round((window.start + i * (window.end - window.start) / count).timestamp() * 1000)
    return AsRun(
        started_ms=started,
        ended_ms=started + 1,
        params={"input.thing": f"{kind} thing number {first + i}", "output.shelf": right if i % 2 == 0 else wrong},
        metrics={"outcome_score": good if i % 2 == 0 else 0.0},
        tags={"dspy_program_name": program, "contributor_id": contributor, "contributor_address": address},
    )


def log_own_answers(settings: Settings, *, count: int = 200) -> None:
    """Calls of which most were answered by the champion, the program as written, as it answers each time.

    It chances to be right in half of them. Of the others every second one was answered rightly by another version.
    """
    import dspy

    names: dict[str, Any] = {}
    exec(PROGRAM_CODE, names)
    with dspy.context(lm=build_lm(LMConfig())):
        own = [names["build"]()(thing=f"{_kind(i)} thing number {i}").shelf for i in range(count)]
    calls = []
    for i in range(count):
        call, right = _shelf_call(i, count, WEEK, good=1.0, first=0, program="Shelves"), _RIGHT[_kind(i)]
        if own[i] != right and i % 2:
            continue
        version = "1.0.0" if own[i] == right else "0.9.0"
        calls.append(
            dataclasses.replace(
                call,
                params={**call.params, "output.shelf": right},
                metrics={"outcome_score": 1.0},
                tags={**call.tags, "dspy_program_version": version},
            )
        )
    with mlflow_client(settings.tracking_uri) as client:
        log_many(client, client.create_experiment("shop", str(Path(settings.storage_uri).parent / "shop")), calls)


_RIGHT = {"wooden": "left", "metal": "right"}


def _kind(i: int) -> str:
    return "wooden" if i % 4 < 2 else "metal"


def rows_of(part: SnapshotPart) -> list[TraceRow]:
    """The rows of any part, the sealed one too, as only a test may read it."""
    return read_rows(SnapshotPart.model_validate(part.model_dump()))


def write_program(folder: Path, name: str = "shelves", *, yaml: str = "", code: str = PROGRAM_CODE) -> Path:
    """A program file and its code; returns the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    file = folder / f"{name}.yaml"
    file.write_text(yaml or "name: Shelves\noptimization:\n  min_traces: 20\n")
    return file


def local_signer(key: str = "11" * 32) -> KeystoreSigner:
    """A signer with a key of its own; its keystore is weakly stretched, to open fast."""
    from eth_account import Account

    keystore = Account.encrypt(f"0x{key}", "secret", kdf="scrypt", iterations=2)
    return KeystoreSigner.model_validate({"keystore": keystore, "password": "secret"})


def fenced_blocks(page: str, language: str) -> list[str]:
    """The code blocks of that language on a page of the documentation."""
    text = (REPOSITORY / page).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]  # one in a list is indented

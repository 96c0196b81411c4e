"""A budget holds whatever a program asks its models with; what goes past all meters is refused."""

import os
from pathlib import Path

import pytest

from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import LanguageModelUnavailableError, TelepromptError
from teleprompt.gate._rehearsal import CALLS
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from tests.lm.model_server import ModelServer, model_server
from tests.support import WEEK, log_shelf_calls, write_program

HEAD = """
import os
from typing import Literal
import dspy

class Sort(dspy.Signature):
    thing: str = dspy.InputField()
    shelf: Literal["left", "right"] = dspy.OutputField()

BASE = os.environ["OWN_BASE"]

def small():
    return dspy.LM("openai/small", api_base=BASE, api_key="own")
"""
CONTEXT = """
class Two(dspy.Module):
    def __init__(self):
        super().__init__()
        self.small, self.first, self.second = small(), dspy.Predict("thing -> kind"), dspy.Predict(Sort)

    def forward(self, thing: str):
        with dspy.context(lm=self.small):
            self.first(thing=thing)
        return self.second(thing=thing)

def build():
    return Two()
"""
PREDICTOR = """
def build():
    program = dspy.Predict(Sort)
    program.lm = small()
    return program
"""
SDK = """
import openai

class Two(dspy.Module):
    def __init__(self):
        super().__init__()
        self.sort = dspy.Predict(Sort)

    def forward(self, thing: str):
        words = [{"role": "user", "content": "which?"}]
        openai.OpenAI().chat.completions.create(model="small", messages=words)
        return self.sort(thing=thing)

def build():
    return Two()
"""
HTTP = """
import urllib.request

class Two(dspy.Module):
    def __init__(self):
        super().__init__()
        self.sort = dspy.Predict(Sort)

    def forward(self, thing: str):
        try:
            urllib.request.urlopen(BASE + "/models", timeout=5)
        except Exception:
            pass
        return self.sort(thing=thing)

def build():
    return Two()
"""


def pipeline_of(settings: Settings, folder: Path, code: str, server: ModelServer, *, yaml: str) -> Pipeline:
    file = write_program(folder / "programs", yaml=f"name: Shelves\n{yaml}\n", code=HEAD + code)
    log_shelf_calls(settings, count=120)
    given = {"lm": server.config(), "program_process": ProgramProcessConfig(environment=("OWN_BASE",))}
    return Pipeline.of_file(file, settings=settings.model_copy(update=given), window=WEEK)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    with model_server() as server:
        monkeypatch.setenv("OWN_BASE", f"http://127.0.0.1:{server.server_port}/v1")
        assert "OPENAI_API_KEY" not in os.environ
        yield server


OWN = pytest.mark.parametrize(
    "code", [CONTEXT, PREDICTOR, SDK], ids=["under dspy.context", "on a predictor", "by an SDK"]
)


@OWN
def test_compiling_keeps_its_budget_to_the_call(
    settings: Settings, tmp_path: Path, server: ModelServer, code: str
) -> None:
    strategy = "strategy: bootstrap_fewshot_random, num_candidates: 1, max_error_rate: 0.99"
    yaml = f"optimization: {{min_traces: 20, {strategy}, budget: {{max_calls: 40}}}}"
    pipeline = pipeline_of(settings, tmp_path, code, server, yaml=yaml)
    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    before = server.requests
    spent = sum(pipeline.compile(snapshot, baseline, seed=seed).spend.calls for seed in pipeline.seeds)
    assert spent == server.requests - before <= 40


@OWN
def test_selecting_counts_and_the_gate_keeps_its_budget(
    settings: Settings, tmp_path: Path, server: ModelServer, code: str
) -> None:
    yaml = "optimization: {min_traces: 20}\ngate: {budget: {max_calls: 30}}"
    pipeline = pipeline_of(settings, tmp_path, code, server, yaml=yaml)
    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    before = server.requests
    selection = pipeline.select(snapshot, [pipeline.compile(snapshot, baseline, seed=0)])
    assert selection.spend.calls == server.requests - before
    before = server.requests
    with pytest.raises(TelepromptError, match=r"more than the 30 of `gate.budget`"):
        pipeline.comparing.gate(snapshot, selection, baseline)
    tried = 2 * CALLS * (1 if code is PREDICTOR else 2)
    assert server.requests - before <= tried


def test_a_program_that_goes_past_all_meters_is_refused_though_it_swallows_the_error(
    settings: Settings, tmp_path: Path, server: ModelServer
) -> None:
    pipeline = pipeline_of(settings, tmp_path, HTTP, server, yaml="optimization: {min_traces: 20}")
    snapshot = pipeline.collect()
    with pytest.raises(TelepromptError, match=r"opens a connection to 127\.0\.0\.1:\d+ by itself.*UNMETERED"):
        pipeline.baseline()
    assert snapshot.trace_count == 120


def test_what_was_spent_before_an_outage_is_counted_once(
    settings: Settings, tmp_path: Path, server: ModelServer
) -> None:
    """In a compile, which keeps its answers for the next try, and in a comparison."""
    yaml = "trial: none\noptimization: {min_traces: 20}"
    pipeline = pipeline_of(settings, tmp_path, PREDICTOR, server, yaml=yaml)

    def counted() -> dict[str, int]:
        with mlflow_client(settings.tracking_uri) as client:
            (run,) = list_runs(client)
        return {stage: spend.calls for stage, spend in run.spend.items()}

    def cut_short(after: int) -> None:
        last = server.requests + after
        server.fault = lambda n: "500" if n >= last else None

    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    before = server.requests
    cut_short(after=2)
    with pytest.raises(LanguageModelUnavailableError):
        pipeline.compile(snapshot, baseline, seed=0)
    assert counted()["compile"] == server.requests - before > 2
    server.fault = lambda _n: None
    candidate = pipeline.compile(snapshot, baseline, seed=0)
    assert counted()["compile"] == candidate.spend.calls
    selection = pipeline.select(snapshot, [candidate])
    before = server.requests
    cut_short(after=2 * CALLS + 4)
    with pytest.raises(LanguageModelUnavailableError):
        pipeline.comparing.gate(snapshot, selection, baseline)
    assert counted()["gate"] == server.requests - before > 2 * CALLS + 4
    server.fault = lambda _n: None
    pipeline.comparing.gate(snapshot, selection, baseline)
    assert counted()["gate"] == server.requests - before

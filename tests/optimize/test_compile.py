"""Compiling one candidate."""

import json
import time

import dspy
import pytest

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.optimization import OptimizationConfig, OptimizationStrategy
from teleprompt.errors import ConfigurationError, LanguageModelUnavailableError, TelepromptError
from teleprompt.evaluate.objective import Objective
from teleprompt.program.state import dump_state
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.split import Part
from tests.optimize.bench import Bench

RANDOM = OptimizationConfig(strategy=OptimizationStrategy.BOOTSTRAP_FEWSHOT_RANDOM, num_candidates=2)


def test_a_candidate_holds_demonstrations_and_nothing_of_the_trace(bench: Bench) -> None:
    candidate = bench.compile(0, OptimizationConfig())
    state = get_blob(candidate.state)
    assert state.count(b'"thing"') == 16
    assert b"marked" not in state
    assert candidate.spend.calls > 0


def test_compiling_again_gives_the_same_candidate(bench: Bench) -> None:
    assert bench.compile(1, RANDOM).state == bench.compile(1, RANDOM).state


def test_seed_by_seed_gives_the_candidates_of_the_whole_search(bench: Bench) -> None:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    from teleprompt.evaluate.examples import to_examples
    from teleprompt.traces.snapshot import read_rows

    examples = to_examples(read_rows(bench.parts[Part.TRAIN]), bench.typed)
    whole = BootstrapFewShotWithRandomSearch(
        bench.objective, metric_threshold=0.7, max_rounds=3, num_candidate_programs=2, num_threads=1
    )
    with dspy.context(lm=bench.lm):
        best = whole.compile(bench.program, trainset=examples, valset=examples[:5])
    expected = {entry["seed"]: dump_state(entry["program"]) for entry in best.candidate_programs}
    assert {seed: get_blob(bench.compile(seed, RANDOM).state) for seed in RANDOM.seeds} == expected


def test_a_prompt_is_measured_and_one_that_is_too_long_is_invalid(bench: Bench) -> None:
    candidate = bench.compile(0, OptimizationConfig())
    assert (candidate.prompt.demos, candidate.prompt.copied, candidate.invalid) == (16, 0, None)
    short = OptimizationConfig(max_prompt_characters=candidate.prompt.characters - 1)
    refused = bench.compile(0, short)
    assert refused.invalid == (
        f"its prompt has {candidate.prompt.characters} characters, more than the {short.max_prompt_characters} that "
        "`optimization.max_prompt_characters` allows"
    )
    assert refused.state is None


class SlowEngine:
    """Counts its calls and takes its time."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.calls = 0
        self.seconds = seconds

    def complete(self, request):
        from teleprompt.lm.offline.engine import NearestDemoEngine

        self.calls += 1
        time.sleep(self.seconds)
        return NearestDemoEngine().complete(request)


def test_at_the_time_limit_no_call_follows_and_the_candidate_says_so_in_the_documents_words(bench: Bench) -> None:
    engine = SlowEngine()
    lm = dspy.LM("offline/slow", engine=engine, cache=False)
    config = OptimizationConfig(timeout_seconds=0.12, options={"max_bootstrapped_demos": 16})
    candidate = bench.compile(0, config, lm=lm)
    assert (candidate.state, candidate.cut_short) == (None, "Optimization timed out after 0.12 seconds")
    after = engine.calls
    time.sleep(0.2)
    assert engine.calls == after == candidate.spend.calls < 16


COPRO = OptimizationConfig(strategy="copro", optimization_rounds=1, options={"breadth": 3, "max_examples": 6})


@pytest.mark.parametrize("threads", [1, 4])
def test_at_the_limit_of_calls_the_best_program_so_far_is_kept_and_the_limit_is_exact(
    bench: Bench, threads: int
) -> None:
    engine = SlowEngine(seconds=0.01)
    lm = dspy.LM("offline/slow", engine=engine, cache=False)
    config = COPRO.model_copy(update={"budget": BudgetConfig(max_calls=12)})
    better: list[float] = []
    candidate = bench.compile(0, config, lm=lm, on_better=lambda _state, score: better.append(score))
    assert engine.calls == candidate.spend.calls == 12
    assert candidate.cut_short == "The budget of 12 calls was reached"
    assert candidate.state is not None
    assert better


def test_an_outage_ends_the_compile_and_is_worth_another_try(bench: Bench) -> None:
    """DSPy alone would count it as a bad answer of that example and go on."""
    from dspy.lm15 import ServerError

    class Down:
        def complete(self, request: object) -> object:
            raise ServerError("down")

    lm = dspy.LM("offline/down", engine=Down(), num_retries=0, cache=False)
    with pytest.raises(LanguageModelUnavailableError, match="The language model does not answer"):
        bench.compile(0, OptimizationConfig(), lm=lm)


def test_without_a_good_trace_the_error_says_what_to_do(bench: Bench) -> None:
    with pytest.raises(TelepromptError, match=r"lower `optimization\.min_quality_score`"):
        bench.compile(0, OptimizationConfig(min_quality_score=1.0))


def test_too_few_examples_for_the_strategy_are_refused_before_any_call(bench: Bench) -> None:
    config = OptimizationConfig(strategy="simba", options={"bsize": 500})
    with pytest.raises(ConfigurationError, match="simba needs 500 good training examples and there are"):
        bench.compile(0, config)


def test_a_metric_that_always_fails_makes_the_candidate_invalid(bench: Bench) -> None:
    def broken(_example: object, _prediction: object) -> float:
        raise KeyError("answer")

    candidate = bench.compile(0, OptimizationConfig(optimization_rounds=1), objective=Objective(broken))
    assert candidate.state is None
    assert "KeyError" in candidate.invalid
    assert candidate.failures["KeyError"] > 0


class JsonEngine:
    """Always answers in JSON, whatever it is asked for; DSPy's adapter mends that with a second call."""

    def complete(self, request):
        from dspy.lm15 import Message, Response, Usage

        thing = request.messages[-1].text
        text = json.dumps({"shelf": "left" if "wooden" in thing else "right"})
        usage = Usage(input_tokens=1, output_tokens=1, total_tokens=2)
        message = Message.assistant(text)
        return Response(id=None, model=request.model, message=message, finish_reason="stop", usage=usage)


def test_an_answer_that_the_adapter_mends_is_no_failure(bench: Bench) -> None:
    lm = dspy.LM("offline/json", engine=JsonEngine(), cache=False)
    candidate = bench.compile(0, OptimizationConfig(), lm=lm)
    assert candidate.state is not None
    assert candidate.failures == {}


def test_errors_of_the_program_itself_are_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    program = bench.program

    class Fails(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = program.deepcopy()

        def forward(self, thing: str):
            if int(thing.rpartition(" ")[2]) % 7 == 0:
                raise LookupError(thing)
            return self.inner(thing=thing)

    monkeypatch.setattr(bench, "program", Fails())
    candidate = bench.compile(0, OptimizationConfig(options={"max_bootstrapped_demos": 16}, max_error_rate=0.9))
    assert candidate.failures["LookupError"] > 0

"""Compiling and selecting, with the real optimizers and the offline engine."""

import time
from pathlib import Path

import dspy
import pytest

from include.teleprompt.config.optimization import OptimizationConfig, OptimizationStrategy
from include.teleprompt.config.settings import LMConfig
from include.teleprompt.errors import OptimizationTimeoutError, TelepromptError
from include.teleprompt.evaluate.metrics import agreement_metric
from include.teleprompt.lm.build import build_lm
from include.teleprompt.optimize.compile import compile_candidate
from include.teleprompt.optimize.select import select_candidate
from include.teleprompt.optimize.strategies import STRATEGIES
from include.teleprompt.program.entry_point import build_program
from include.teleprompt.program.fields import program_fields
from include.teleprompt.program.state import dump_state
from include.teleprompt.storage import get_blob
from include.teleprompt.traces.snapshot import SnapshotPart
from include.teleprompt.traces.split import Part
from tests.support import WEEK, raw_trace, write_program, write_snapshot_of


class Bench:
    """A program with a snapshot whose good traces teach it the shelf of each thing."""

    def __init__(self, folder: Path) -> None:
        self.program = build_program(write_program(folder / "programs"), "shelves:build")
        self.fields = program_fields(self.program)
        self.metric = agreement_metric(self.fields)
        self.lm = build_lm(LMConfig())
        self.storage_uri = str(folder / "storage")
        raw = [
            raw_trace(
                trace_id=f"marked-{i}",
                started_at_ms=WEEK.start_ms + i,
                inputs={"thing": f"{('wooden', 'metal')[i % 2]} thing number {i}"},
                outputs={"shelf": ("left", "right")[i % 2]},
                contributor_id="marked",
            )
            for i in range(120)
        ]
        snapshot, _ = write_snapshot_of(raw, folder / "storage", fields=self.fields)
        self.parts = snapshot.parts

    def compile(self, seed: int, config: OptimizationConfig, *, lm: object = None, train: SnapshotPart | None = None):
        return compile_candidate(
            self.program,
            train or self.parts[Part.TRAIN],
            seed=seed,
            config=config,
            fields=self.fields,
            metric=self.metric,
            lm=lm or self.lm,
            storage_uri=self.storage_uri,
        )

    def select(self, candidates):
        return select_candidate(
            self.program,
            candidates,
            self.parts[Part.SELECT],
            min_quality_score=0.7,
            fields=self.fields,
            metric=self.metric,
            lm=self.lm,
            num_threads=1,
        )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


RANDOM = OptimizationConfig(strategy=OptimizationStrategy.BOOTSTRAP_FEWSHOT_RANDOM, num_candidates=2)


def test_a_candidate_holds_demonstrations_and_nothing_of_the_trace(bench: Bench) -> None:
    candidate = bench.compile(0, OptimizationConfig())
    state = get_blob(candidate.state)
    assert state.count(b'"thing"') == 16
    assert b"marked" not in state
    assert candidate.lm_calls > 0


def test_compiling_again_gives_the_same_candidate(bench: Bench) -> None:
    assert bench.compile(1, RANDOM).state == bench.compile(1, RANDOM).state


def test_seed_by_seed_gives_the_candidates_of_the_whole_search(bench: Bench) -> None:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    from include.teleprompt.evaluate.examples import to_examples
    from include.teleprompt.traces.snapshot import read_rows

    examples = to_examples(read_rows(bench.parts[Part.TRAIN]), bench.fields)
    whole = BootstrapFewShotWithRandomSearch(
        bench.metric, metric_threshold=0.7, max_rounds=3, num_candidate_programs=2, num_threads=1
    )
    with dspy.context(lm=bench.lm):
        best = whole.compile(bench.program, trainset=examples, valset=examples[:5])
    expected = {entry["seed"]: dump_state(entry["program"]) for entry in best.candidate_programs}
    seeds = STRATEGIES[RANDOM.strategy].seeds(RANDOM)
    assert {seed: get_blob(bench.compile(seed, RANDOM).state) for seed in seeds} == expected


def test_selection_prefers_what_learned(bench: Bench) -> None:
    selection = bench.select([bench.compile(seed, RANDOM) for seed in (-3, -2, 0)])
    scores = {score.seed: score.score_e6 for score in selection.scores}
    assert selection.winner.seed in (-2, 0)
    assert scores[selection.winner.seed] == max(scores.values()) > scores[-3]


def test_of_equals_the_lowest_seed_is_selected(bench: Bench) -> None:
    candidate = bench.compile(0, RANDOM)
    twins = [candidate.model_copy(update={"seed": seed}) for seed in (5, 2, 9)]
    assert bench.select(twins).winner.seed == 2


class SlowEngine:
    """Counts its calls and takes its time."""

    def __init__(self) -> None:
        self.calls = 0

    def complete(self, request):
        from include.teleprompt.lm.offline.engine import NearestDemoEngine

        self.calls += 1
        time.sleep(0.05)
        return NearestDemoEngine().complete(request)


def test_a_timeout_is_in_the_documents_words_and_no_call_follows(bench: Bench) -> None:
    engine = SlowEngine()
    lm = dspy.LM("offline/slow", engine=engine, cache=False)
    with pytest.raises(OptimizationTimeoutError, match=r"Optimization timed out after 0\.1 seconds"):
        bench.compile(0, OptimizationConfig(timeout_seconds=0.1, max_bootstrapped_demos=16), lm=lm)
    after = engine.calls
    time.sleep(0.2)
    assert engine.calls == after < 16


def test_without_a_good_trace_the_error_says_what_to_do(bench: Bench) -> None:
    with pytest.raises(TelepromptError, match=r"lower `optimization\.min_quality_score`"):
        bench.compile(0, OptimizationConfig(min_quality_score=1.0))


def test_a_metric_that_always_fails_is_an_error_and_no_candidate(bench: Bench) -> None:
    def broken(*_: object) -> float:
        raise KeyError("answer")

    train = bench.parts[Part.TRAIN].model_copy()
    with pytest.raises(TelepromptError, match="KeyError"):
        compile_candidate(
            bench.program,
            train,
            seed=0,
            config=OptimizationConfig(optimization_rounds=1),
            fields=bench.fields,
            metric=broken,
            lm=bench.lm,
            storage_uri=bench.storage_uri,
        )

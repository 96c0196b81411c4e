"""What bootstrapping made in one window is of use in the next, and nothing that is judged on comes in by that way."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.evaluate.objective import Objective
from teleprompt.optimize._bootstrapping import Bootstraps
from teleprompt.optimize.bootstrap_traces import BootstrapShelf, BootstrapTrace, inputs_key, learned_apart
from teleprompt.optimize.optimization import Optimization
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.program.fields import ProgramFields
from teleprompt.program.source import ProgramObject
from teleprompt.program.state import predictor_states
from teleprompt.records import Digest
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.snapshot import Snapshot, read_sealed_and_open
from teleprompt.traces.split import Part
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window
from tests.optimize.bench import Bench
from tests.support import FIELDS, WEEK, log_shelf_calls, raw_trace, write_program, write_snapshot_of

CONFIG = OptimizationConfig(strategy="bootstrap_fewshot")


@pytest.fixture(scope="module")
def own_bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def calls(numbers: Iterable[int], *, session: str = "") -> list[dict[str, Any]]:
    return [
        raw_trace(
            trace_id=f"{session}t{i}",
            started_at_ms=WEEK.start_ms + i,
            inputs={"thing": f"{('wooden', 'metal')[i % 2]} thing number {i}"},
            outputs={"shelf": ("left", "right")[i % 2]},
            group=f"{session}-{i}" if session else None,
        )
        for i in numbers
    ]


def snapshot_of(bench: Bench, traces: list[dict[str, Any]]) -> Snapshot:
    return write_snapshot_of(traces, bench.storage_uri, fields=bench.fields)[0]


def compiled(bench: Bench, snapshot: Snapshot, before: Iterable[BootstrapTrace] = ()) -> Any:
    """The candidate, the traces that it reused and made, and the bootstraps."""
    kept: list[BootstrapTrace] = []
    bootstraps = Bootstraps(bench.typed, tuple(before), keep=kept.append)
    candidate = bench.compile(0, CONFIG, train=snapshot.parts[Part.TRAIN], bootstraps=bootstraps)
    return candidate, kept


def asked_in(snapshot: Snapshot, *parts: Part) -> set[Digest]:
    tables = read_sealed_and_open(snapshot)
    rows = [inputs for part in parts for inputs in tables[part]["inputs"].to_pylist()]
    return {inputs_key(snapshot.fields, inputs) for inputs in rows}


def demonstrated(candidate: Any, snapshot: Snapshot) -> set[Digest]:
    demos = [demo for _, own in predictor_states(get_blob(candidate.state)) for demo in own["demos"]]
    return {inputs_key(snapshot.fields, demo) for demo in demos}


def test_a_window_that_only_grew_asks_about_nothing_again(own_bench: Bench) -> None:
    bench = own_bench
    earlier, later = snapshot_of(bench, calls(range(100))), snapshot_of(bench, calls(range(101)))
    first, kept = compiled(bench, earlier)
    assert first.spend.calls > first.reused_bootstraps == 0
    second, again = compiled(bench, later, learned_apart(kept, later))
    assert second.spend.calls == 0
    assert second.reused_bootstraps == len(kept) == len(again) == 4


def test_a_program_made_of_kept_traces_is_the_one_that_is_made_by_asking(own_bench: Bench) -> None:
    snapshot = snapshot_of(own_bench, calls(range(100)))
    fresh, kept = compiled(own_bench, snapshot)
    reused, _ = compiled(own_bench, snapshot, learned_apart(kept, snapshot))
    assert reused.spend.calls == 0
    assert reused.state == fresh.state


def test_examples_that_left_train_bring_nothing(own_bench: Bench) -> None:
    earlier, later = snapshot_of(own_bench, calls(range(100))), snapshot_of(own_bench, calls(range(100, 200)))
    _, kept = compiled(own_bench, earlier)
    candidate, _ = compiled(own_bench, later, learned_apart(kept, later))
    assert candidate.reused_bootstraps == 0
    assert demonstrated(candidate, later) <= asked_in(later, Part.TRAIN)


def test_nothing_that_select_or_gate_hold_comes_in_with_a_kept_trace(own_bench: Bench) -> None:
    """What was learned from is asked again in conversations that lie elsewhere now."""
    earlier = snapshot_of(own_bench, calls(range(100)))
    _, kept = compiled(own_bench, earlier)
    filtered = came_again = 0
    for turn in range(12):
        later = snapshot_of(own_bench, [*calls(range(100)), *calls(range(turn, 100, 12), session=f"s{turn}")])
        held_out = asked_in(later, Part.SELECT, Part.GATE)
        usable = learned_apart(kept, later)
        assert all(held_out.isdisjoint(trace.shown) for trace in usable)
        filtered += len(kept) - len(usable)
        candidate, _ = compiled(own_bench, later, usable)
        came_again += candidate.reused_bootstraps
        assert demonstrated(candidate, later) <= asked_in(later, Part.TRAIN)
        assert demonstrated(candidate, later).isdisjoint(held_out)
    assert filtered > 0 < came_again


def test_an_example_that_was_tried_in_vain_is_not_tried_as_often_again(own_bench: Bench) -> None:
    snapshot = snapshot_of(own_bench, calls(range(100)))
    fresh, kept = compiled(own_bench, snapshot)
    first = kept[0]
    in_vain = first.model_copy(update={"demos": {}, "tries": CONFIG.optimization_rounds})
    candidate, made = compiled(own_bench, snapshot, [in_vain])
    assert first.example not in {one.example for one in made}
    assert candidate.state != fresh.state
    once_more, _ = compiled(own_bench, snapshot, [in_vain.model_copy(update={"tries": 1})])
    assert once_more.spend.calls == fresh.spend.calls


def test_what_a_teacher_failed_at_is_kept_and_what_it_broke_at_is_not(own_bench: Bench) -> None:
    snapshot = snapshot_of(own_bench, calls(range(100)))

    def grading(broken: bool) -> Objective:
        def metric(example: Any, prediction: Any) -> float:
            if "wooden" not in example.thing:
                return 1.0
            if broken:
                raise ValueError("no grade")
            return 0.0

        return Objective(metric)

    config = CONFIG.model_copy(update={"max_error_rate": 0.99, "optimization_rounds": 1})
    for broken in (False, True):
        kept: list[BootstrapTrace] = []
        bootstraps = Bootstraps(own_bench.typed, keep=kept.append)
        own_bench.compile(0, config, train=snapshot.parts[Part.TRAIN], bootstraps=bootstraps, objective=grading(broken))
        tries = [one.tries for one in kept if not one.demos]
        assert bool(tries) is not broken
        assert set(tries) <= {1}


def test_another_teacher_is_asked_anew(own_bench: Bench) -> None:
    snapshot = snapshot_of(own_bench, calls(range(100)))
    _, kept = compiled(own_bench, snapshot)
    others = [trace.model_copy(update={"teacher": "0" * 64}) for trace in kept]
    candidate, _ = compiled(own_bench, snapshot, others)
    assert candidate.reused_bootstraps == 0
    assert candidate.spend.calls > 0


def trace(example: str) -> BootstrapTrace:
    return BootstrapTrace(example=example * 64, teacher="0" * 64, shown=(), demos={})


def shelf(folder: Path, *, weeks: int = 0, run: str = "a", fingerprint: str = "f") -> BootstrapShelf:
    window = Window(start=WEEK.start + timedelta(weeks=weeks), end=WEEK.end + timedelta(weeks=weeks))
    return BootstrapShelf(str(folder), fingerprint * 64, RunKey(program="P", window=window, fingerprint=run * 64))


def keep(own: BootstrapShelf, *traces: BootstrapTrace) -> None:
    with own.journal() as journal:
        for one in traces:
            journal.append(one.model_dump(mode="json"))


def test_a_run_finds_what_earlier_windows_kept_and_not_its_own_or_a_later_ones(tmp_path: Path) -> None:
    assert shelf(tmp_path).before() == []
    keep(shelf(tmp_path, weeks=0), trace("1"))
    keep(shelf(tmp_path, weeks=1), trace("2"))
    keep(shelf(tmp_path, weeks=1, run="b"), trace("3"))
    keep(shelf(tmp_path, weeks=2), trace("4"))
    found = {one.example[0] for one in shelf(tmp_path, weeks=1).before()}
    assert found == {"1", "3"}


def test_under_other_terms_nothing_is_found(tmp_path: Path) -> None:
    keep(shelf(tmp_path, weeks=0), trace("1"))
    assert shelf(tmp_path, weeks=1, fingerprint="e").before() == []


def terms(settings: Settings, *, code: str = "c", fields: ProgramFields = FIELDS, **config: Any) -> Digest | None:
    """What a program's traces are kept under; None where none are."""
    program = ProgramConfig.model_validate({"name": "P", "slug": "p", **config})
    source = ProgramObject(None, program.declaration)
    key = RunKey(program="P", window=WEEK, fingerprint="a" * 64)
    own = Optimization(source, program, settings, fields, key, code * 64 if code else None).bootstrap_shelf
    return own and own.fingerprint


def test_all_that_makes_an_answer_good_tells_kept_traces_apart(settings: Settings) -> None:
    other_model = settings.model_copy(update={"lm": LMConfig(model="openai/another")})
    other_fields = FIELDS.model_copy(update={"inputs": ()})
    own = terms(settings)
    others = [
        terms(settings, code="d"),
        terms(settings, name="Q"),
        terms(settings, gate={"metric": "judge"}),
        terms(settings, gate={"direction": "lower"}),
        terms(settings, optimization={"min_quality_score": 0.9}),
        terms(settings, split={"seed": 1}),
        terms(settings, fields=other_fields),
        terms(other_model),
    ]
    assert None not in others
    assert len({own, *others}) == 1 + len(others)
    assert own == terms(settings, optimization={"strategy": "mipro", "num_candidates": 3})


def test_nothing_is_kept_where_no_file_tells_a_change_or_what_is_learned_from_may_be_sealed_later(
    settings: Settings,
) -> None:
    assert terms(settings, code="") is None
    assert terms(settings, split={"train": 40, "select": 20, "gate": 40}, trial=None) is None
    assert terms(settings, split={"time_order": True}, trial=None) is None
    assert terms(settings, optimization={"reuse_bootstraps": False}) is None


@pytest.mark.slow
def test_a_later_run_of_a_program_takes_what_an_earlier_one_kept(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=120)
    file = write_program(tmp_path / "programs")
    found = []
    for weeks in (0, 1):
        window = Window(start=WEEK.start - timedelta(weeks=1), end=WEEK.end + timedelta(weeks=weeks))
        pipeline = Pipeline.of_file(file, settings=settings, window=window)
        found.append(pipeline.compile(pipeline.collect(), pipeline.baseline(), seed=0))
    assert [candidate.reused_bootstraps for candidate in found] == [0, 4]
    assert found[0].spend.calls > found[1].spend.calls == 0
    assert found[0].state == found[1].state

"""Which examples become demonstrations, by what became of them and by category."""

import json
import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.optimize.candidate import Candidate
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.curation.weights import effective_number, sample_weights
from teleprompt.traces.snapshot import SnapshotPart
from teleprompt.traces.split import Part
from tests.optimize.bench import Bench
from tests.support import WEEK, raw_trace, write_snapshot_of

SHOW = {
    "labeled_fewshot": {},
    "bootstrap_fewshot": {},
    "bootstrap_fewshot_random": {},
    "knn_fewshot": {"max_labeled_demos": 16, "max_bootstrapped_demos": 4},
    "ensemble": {"size": 2},
}
"""The strategies that fill up with logged answers."""


@pytest.fixture(scope="module")
def graded(bench: Bench) -> SnapshotPart:
    """A hundred good calls; the higher the number, the better it turned out. Every fifth goes left."""
    raw = [
        raw_trace(
            trace_id=f"t{i:03}",
            started_at_ms=WEEK.start_ms + i,
            inputs={"thing": f"{('metal', 'wooden')[i % 5 == 0]} thing number {i}"},
            outputs={"shelf": ("right", "left")[i % 5 == 0]},
            outcomes={"outcome_score": 0.7 + 0.3 * i / 99},
        )
        for i in range(100)
    ]
    return all_of(bench, raw)


def all_of(bench: Bench, raw: list[dict]) -> SnapshotPart:
    """A train part of all these calls."""
    everything = {"train": 100, "select": 1, "gate": 1}
    snapshot, _ = write_snapshot_of(raw, Path(bench.storage_uri), fields=bench.fields, split=everything)
    return snapshot.parts[Part.TRAIN]


def config(strategy: str, **changes: object) -> OptimizationConfig:
    values = {"strategy": strategy, "options": SHOW[strategy], "optimization_rounds": 1, **changes}
    return OptimizationConfig.model_validate(values)


def logged(candidate: Candidate) -> list[int]:
    """The numbers of the calls that are shown as they were logged."""
    state = json.loads(get_blob(candidate.state))
    demos = [demo for demo in state["demos"] if not demo.get("augmented")]
    return [int(re.search(r"number (\d+)", demo["thing"]).group(1)) for demo in demos]


@pytest.mark.parametrize("strategy", SHOW)
def test_what_turned_out_better_is_shown_more_often(bench: Bench, graded: SnapshotPart, strategy: str) -> None:
    plain = logged(bench.compile(0, config(strategy, sample_weight="none"), train=graded))
    weighted = logged(bench.compile(0, config(strategy, sample_weight="outcome"), train=graded))
    assert statistics.mean(weighted) > 70  # without weights 50 is expected, and one in two hundred draws reaches this
    assert len(weighted) == len(plain) == len(set(weighted))


def test_who_reports_better_outcomes_is_not_shown_more_often(bench: Bench) -> None:
    """Weights count within each contributor's share of the good calls."""
    raw = [
        raw_trace(
            trace_id=f"t{i:03}",
            started_at_ms=WEEK.start_ms + i,
            inputs={"thing": f"metal thing number {i}"},
            outputs={"shelf": "right"},
            outcomes={"outcome_score": 1.0 if i % 5 == 0 else 0.7 + 0.25 * i / 99},
            contributor_id="boaster" if i % 5 == 0 else "alice",
        )
        for i in range(100)
    ]
    numbers = logged(
        bench.compile(0, config("labeled_fewshot", options={"max_labeled_demos": 15}), train=all_of(bench, raw))
    )
    assert Counter(i % 5 == 0 for i in numbers) == {True: 3, False: 12}
    assert statistics.mean(i for i in numbers if i % 5) > 60


def test_each_seed_draws_anew_and_the_same_one_the_same(bench: Bench, graded: SnapshotPart) -> None:
    weighted = config("bootstrap_fewshot_random", sample_weight="outcome")
    first, same, other = (bench.compile(seed, weighted, train=graded).state for seed in (0, 0, 1))
    assert first == same != other


def test_of_equally_good_ones_nothing_changes(bench: Bench) -> None:
    weighted, plain = (bench.compile(0, config("bootstrap_fewshot", sample_weight=way)) for way in ("outcome", "none"))
    assert weighted.state == plain.state


@pytest.mark.parametrize("strategy", [name for name in SHOW if name != "bootstrap_fewshot_random"])
def test_each_category_is_shown_in_its_share(bench: Bench, graded: SnapshotPart, strategy: str) -> None:
    made = {"max_bootstrapped_demos": 0} if strategy != "labeled_fewshot" else {}
    mixed = config(strategy, stratify_by="output.shelf", options={**SHOW[strategy], **made, "max_labeled_demos": 15})
    numbers = logged(bench.compile(0, mixed, train=graded))
    assert Counter(i % 5 == 0 for i in numbers) == {True: 3, False: 12}


def test_the_weight_grows_a_hundredfold_from_the_quality_score_to_the_best() -> None:
    assert sample_weights([700_000, 850_000, 1_000_000], least_e6=700_000) == pytest.approx([1, 10, 100])
    assert sample_weights([1_000_000] * 3, least_e6=1_000_000) is None


def test_weighted_rows_are_worth_fewer_equal_ones() -> None:
    assert effective_number([1.0] * 50) == 50
    assert effective_number([100.0, *[1.0] * 50]) == 2

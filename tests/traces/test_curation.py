"""The curation steps, through the pure decisions over facts."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.config.program import ProgramConfig
from teleprompt.errors import ConfigurationError
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.curation._outliers import distances
from teleprompt.traces.curation._strata import quantile_bins
from teleprompt.traces.curation.decide import evenly_spaced, stratified_sample
from teleprompt.traces.snapshot import Snapshot, read_rows
from teleprompt.traces.split import Part
from tests.support import WEEK, raw_trace, rows_of, write_snapshot_of

MINUTE_MS = 60_000
EVERYTHING_TRAINS = {"train": 1000, "select": 1, "gate": 1}


def snapshot_of(folder: Path, traces: list[dict], *steps: object, **config: object) -> Snapshot:
    return write_snapshot_of(traces, folder, curation=list(steps), **config)[0]


def ids(snapshot: Snapshot) -> list[str]:
    return sorted(row.trace_id for part in Part for row in rows_of(snapshot.parts[part]))


def quarantine(snapshot: Snapshot) -> dict[str, str]:
    import io

    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(get_blob(snapshot.quarantine)))
    return dict(zip(table["trace_id"].to_pylist(), table["reason"].to_pylist(), strict=True))


def call(i: int, **changes: object) -> dict:
    return raw_trace(
        **{
            "trace_id": f"{i:04}",
            "started_at_ms": WEEK.start_ms + i * MINUTE_MS,
            "inputs": {"question": f"q {i}"},
            **changes,
        }
    )


def test_of_duplicates_the_earliest_stays(tmp_path: Path) -> None:
    traces = [
        call(2, inputs={"question": " WHY\u00a0"}),
        call(1, inputs={"question": "why"}),
        call(3, inputs={"question": "why"}, outputs={"answer": "no"}),
    ]
    snapshot = snapshot_of(tmp_path, traces, {"step": "duplicates"})
    assert ids(snapshot) == ["0001", "0003"]
    assert quarantine(snapshot) == {"0002": "duplicate"}
    assert ids(snapshot_of(tmp_path, traces)) == ["0001", "0002", "0003"]  # each step is optional


def test_of_near_duplicates_the_earliest_stays(tmp_path: Path) -> None:
    text = "could you tell me when the parcel that i ordered on the third of may will be delivered to my door {}"
    traces = [call(i, inputs={"question": text.format(i)}) for i in range(5)]
    traces.append(call(9, inputs={"question": "something else entirely, about another matter"}))
    snapshot = snapshot_of(tmp_path, traces, {"step": "near_duplicates", "threshold": 0.7})
    assert ids(snapshot) == ["0000", "0009"]
    assert set(quarantine(snapshot).values()) == {"near_duplicate"}


def test_outliers_of_length_latency_and_outcome_are_set_aside(tmp_path: Path) -> None:
    traces = [call(i, latency_ms=100 + i % 7, outcomes={"outcome_score": 0.5 + i % 5 / 100}) for i in range(50)]
    traces[7]["inputs"] = {"question": "long " * 5000}
    traces[8]["latency_ms"] = 10**9
    traces[9]["outcomes"] = {"outcome_score": 0.99}
    for method, limit in (("robust_z", 6), ("iqr", 3)):
        step = {"step": "outliers", "of": ["length", "latency", "outcome"], "method": method, "limit": limit}
        assert set(quarantine(snapshot_of(tmp_path, traces, step))) == {"0007", "0008", "0009"}


def test_a_burst_of_one_contributor_is_set_aside(tmp_path: Path) -> None:
    traces = [call(i * 60, contributor_id=f"c{i % 5}") for i in range(60)]
    traces += [call(10_000 + i, started_at_ms=WEEK.start_ms + i, contributor_id="flooder") for i in range(200)]
    snapshot = snapshot_of(tmp_path, traces, {"step": "contributor_bursts"})
    assert {name for name in quarantine(snapshot) if name >= "10000"} == {f"{10_000 + i:04}" for i in range(200)}
    assert len(ids(snapshot)) == 60


def test_quality_and_balance_touch_the_train_part_only(tmp_path: Path) -> None:
    traces = [
        call(i, outcomes={"outcome_score": i // 4 % 2}, contributor_id=("big", "big", "big", "small")[i % 4])
        for i in range(800)
    ]
    before = snapshot_of(tmp_path, traces)
    after = snapshot_of(tmp_path, traces, {"step": "quality", "min_score": 0.5}, {"step": "balance", "most": 20})
    for part in (Part.SELECT, Part.GATE):
        assert after.parts[part].content == before.parts[part].content
    train = read_rows(after.parts[Part.TRAIN])
    assert {row.score_e6 for row in train} == {1_000_000}
    counts = {name: sum(row.contributor_id == name for row in train) for name in ("big", "small")}
    assert counts["big"] == 20
    assert counts["small"] == 20
    assert set(quarantine(after).values()) == {"low_quality", "over_cap"}


def test_balance_by_category_is_a_seeded_sample(tmp_path: Path) -> None:
    traces = [call(i, outputs={"answer": ("yes", "no")[i % 10 == 0]}) for i in range(300)]
    cap = {"step": "balance", "by": "output.answer", "most": 5}
    one, same = snapshot_of(tmp_path, traces, cap), snapshot_of(tmp_path, traces, cap)
    assert one.digest == same.digest
    train = read_rows(one.parts[Part.TRAIN])
    assert sum(row.outputs["answer"] == "yes" for row in train) == 5


def test_balance_by_group_leaves_those_without_a_group_alone(tmp_path: Path) -> None:
    traces = [call(i, group="g" if i % 2 else None) for i in range(100)]
    snapshot = snapshot_of(tmp_path, traces, {"step": "balance", "by": "group", "most": 1}, split=EVERYTHING_TRAINS)
    groups = [row.group for row in read_rows(snapshot.parts[Part.TRAIN])]
    assert (groups.count("g"), groups.count(None)) == (1, 50)


@pytest.mark.parametrize(
    ("by", "categories"), [("input.question", 2), ("outcome", 2), ("contributor", 1), ("output.answer", 1)]
)
def test_balance_goes_by_any_field_and_by_what_became_of_it(tmp_path: Path, by: str, categories: int) -> None:
    traces = [
        call(
            i,
            inputs={"question": "ab"[i % 10 == 0]},
            outputs={"answer": "yes"},
            outcomes={"outcome_score": i % 10 == 0},
        )
        for i in range(100)
    ]
    split = {**EVERYTHING_TRAINS, "group_by": []}
    snapshot = snapshot_of(tmp_path, traces, {"step": "balance", "by": by, "most": 1}, split=split)
    assert len(read_rows(snapshot.parts[Part.TRAIN])) == categories


def test_a_field_that_the_program_does_not_have_is_named(tmp_path: Path) -> None:
    step = {"step": "balance", "by": "input.customer", "most": 1}
    with pytest.raises(ConfigurationError, match=r"`curation\.0\.by` names the input `customer`.* are `question`\."):
        snapshot_of(tmp_path, [call(1)], step)
    with pytest.raises(ConfigurationError, match=r"`split\.group_by\.0` names the input `customer`"):
        snapshot_of(tmp_path, [call(1)], split={"group_by": ["input.customer"]})


def test_bins_of_the_outcome_hold_equal_values_together() -> None:
    import numpy as np

    assert list(quantile_bins(np.array([0.0, 1.0, 1.0, np.nan, 1.0]))) == [0, 1, 1, -1, 1]
    assert list(quantile_bins(np.arange(10.0))) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    tied = quantile_bins(np.array([0.0] * 90 + list(np.arange(1.0, 11))))
    assert len(set(tied[:90])) == 1


def test_personal_data_become_placeholders_and_contributors_stay(tmp_path: Path) -> None:
    traces = [
        call(1, inputs={"question": "I am bob@example.com, call +1 415 555 0100"}, contributor_id="bob@example.com")
    ]
    snapshot = snapshot_of(tmp_path, traces, {"step": "redact"}, {"step": "duplicates"})
    (row,) = [row for part in Part for row in rows_of(snapshot.parts[part])]
    assert row.inputs["question"] == "I am [EMAIL_1], call [PHONE_1]"
    assert row.contributor_id == "bob@example.com"


def test_the_funnel_adds_up_and_says_why(tmp_path: Path) -> None:
    traces = [call(i) for i in range(50)] + [call(90, failed=True), call(91, inputs={"question": "q 1"})]
    snapshot = snapshot_of(tmp_path, traces, {"step": "duplicates"}, optimization={"min_traces": 1, "max_traces": 40})
    steps = [(s.step, s.rows_in, s.rows_out, s.reasons) for s in snapshot.funnel]
    trained = snapshot.parts[Part.TRAIN].rows
    assert steps == [
        ("valid", 52, 51, {"failed_call": 1}),
        ("duplicates", 51, 50, {"duplicate": 1}),
        ("max_traces", 50, 40, {}),
        ("good (train)", trained, trained, {}),
    ]
    assert all(one.rows_out == other.rows_in for one, other in pairwise(snapshot.funnel[:-1]))
    assert snapshot.trace_count == 40
    assert snapshot.quarantined == {"duplicate": 1, "failed_call": 1}


def test_too_many_are_thinned_evenly_in_time() -> None:
    assert list(evenly_spaced(100, 4)) == [0, 25, 50, 75]
    assert list(evenly_spaced(3, 4)) == [0, 1, 2]


def test_the_funnel_says_how_many_are_learned_from_and_what_they_are_worth(tmp_path: Path) -> None:
    traces = [call(i, outcomes={"outcome_score": (0.2, 0.7, 1.0)[i % 3]}) for i in range(30)]
    weighted = {"min_traces": 1, "sample_weight": "outcome"}
    funnel = snapshot_of(tmp_path, traces, split=EVERYTHING_TRAINS, optimization=weighted).funnel
    assert [(s.step, s.rows_in, s.rows_out, s.reasons) for s in funnel[-2:]] == [
        ("good (train)", 30, 20, {"below_min_quality_score": 10}),
        ("weighted by outcome, worth 10 equal ones (train)", 20, 20, {}),
    ]


def test_a_sample_can_keep_the_mix_evenly_in_time(tmp_path: Path) -> None:
    traces = [call(i, outputs={"answer": "rare" if i % 10 == 3 else "usual"}) for i in range(200)]
    sampled = {"min_traces": 1, "max_traces": 20}
    by_time = snapshot_of(tmp_path, traces, optimization=sampled)  # every tenth call: none of the rare ones, or all
    by_answer = snapshot_of(tmp_path, traces, optimization={**sampled, "stratify_by": "output.answer"})
    rare = [name for name in ids(by_answer) if int(name) % 10 == 3]
    assert [int(name) % 10 == 3 for name in ids(by_time)].count(True) == 0
    assert rare == ["0003", "0103"]
    assert len(ids(by_answer)) == 20
    assert [step.step for step in by_answer.funnel] == ["valid", "max_traces by output.answer", "good (train)"]


@given(st.lists(st.integers(-1, 3), max_size=60), st.integers(1, 60))
def test_of_each_category_its_share_is_taken_but_for_one(of: list[int], most: int) -> None:
    import numpy as np

    chosen = stratified_sample(np.array(of, dtype=np.int64), most)
    assert sorted(set(chosen)) == list(chosen)
    assert len(chosen) == min(most, len(of))
    for category in set(of):
        due = of.count(category) * len(chosen) / len(of)
        assert abs(sum(of[i] == category for i in chosen) - due) < 1


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert (
        ids(
            snapshot_of(
                tmp_path,
                [],
                {"step": "duplicates"},
                {"step": "near_duplicates"},
                {"step": "outliers"},
                {"step": "contributor_bursts"},
            )
        )
        == []
    )


def test_distances_stand_where_more_than_half_of_the_values_are_equal() -> None:
    import numpy as np

    values = np.array([5.0] * 8 + [6.0, 50.0, np.nan])
    for method in ("robust_z", "iqr"):
        found = distances(values, method=method)
        assert found[0] == 0
        assert found[9] > found[8] > 0
        assert np.isnan(found[10])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"step": "quality", "min_score": 0.5}, {"step": "duplicates"}], "come last"),
        ([{"step": "duplicates"}, {"step": "redact"}], "redact comes first"),
        ([{"step": "balance"}], "needs `most` or `share`"),
        ([{"step": "magic"}], "magic"),
    ],
)
def test_steps_in_a_wrong_place_are_refused(steps: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProgramConfig.model_validate({"name": "P", "slug": "p", "curation": steps})

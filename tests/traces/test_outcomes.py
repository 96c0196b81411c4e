import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.config.outcome import Direction, Normalisation, OutcomeConfig
from teleprompt.traces.outcomes import fit, normalised, resolve, score_e6
from teleprompt.traces.snapshot import read_rows
from teleprompt.traces.split import Part
from tests.support import WEEK, raw_table, raw_trace, rows_of, write_snapshot_of

EVERYTHING = np.ones(5, dtype=bool)


def scores(values: list[float], **metric: object) -> list[int]:
    config = OutcomeConfig(**metric)
    columns = {config.metric: np.array(values)}
    return list(score_e6(columns, fit(columns, np.ones(len(values), dtype=bool), config), imputed_score=None))


def resolved(outcomes: list[tuple[str, float | None, int]], **config: object):
    settings = OutcomeConfig(metric="stars", **config)
    return resolve(raw_table([raw_trace(outcomes=outcomes)])["outcomes"], settings)


def test_a_declared_range_is_mapped_to_the_unit_interval() -> None:
    assert scores([1, 4, 5], minimum=1, maximum=5) == [0, 750_000, 1_000_000]


def test_lower_can_be_better() -> None:
    assert scores([0, 0.25, 1], direction="lower") == [1_000_000, 750_000, 0]


def test_minmax_is_fitted() -> None:
    assert scores([10, 20, 30], normalisation="minmax") == [0, 500_000, 1_000_000]


def test_a_percentile_counts_half_of_the_equal_values() -> None:
    found = scores([1, 1, 2, 3, 100], normalisation="percentile")
    assert found == sorted(found)
    assert found[0] == found[1]
    assert found[3] - found[2] == pytest.approx(250_000, abs=1)


def test_a_z_score_is_clipped_at_three_deviations() -> None:
    assert scores([0, 0, 0, 0, 1], normalisation="zscore-clip")[0] == round(1e6 * (0.5 - 0.2 / 0.4 / 6))
    assert scores([0.0] * 99 + [1.0], normalisation="zscore-clip")[-1] == 1_000_000
    assert scores([7, 7], normalisation="zscore-clip") == [500_000, 500_000]


def test_boolean_is_true_from_its_limit_on() -> None:
    assert scores([0, 0.49, 0.5, 3], normalisation="boolean") == [0, 0, 1_000_000, 1_000_000]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.sampled_from(Normalisation),
    st.sampled_from(Direction),
)
def test_scores_lie_in_the_unit_interval_and_keep_the_order(
    values: list[float], normalisation: Normalisation, direction: Direction
) -> None:
    config = OutcomeConfig(normalisation=normalisation, direction=direction)
    array = np.array(sorted(values))
    (fitted,) = fit({"outcome_score": array}, np.ones(len(array), dtype=bool), config)
    found = normalised(array, fitted)
    assert ((found >= 0) & (found <= 1)).all()
    steps = np.diff(found) * (1 if direction is Direction.HIGHER else -1)
    assert (steps >= -1e-12).all()


def test_several_metrics_are_weighted_and_partial_ones_reweighted() -> None:
    config = OutcomeConfig(metric="a", weight=3, partial="reweight", others=[{"metric": "b", "direction": "lower"}])
    columns = {"a": np.array([1.0, 1.0, np.nan]), "b": np.array([1.0, np.nan, 0.25])}
    fits = fit(columns, np.ones(3, dtype=bool), config)
    assert list(score_e6(columns, fits, imputed_score=None)) == [750_000, 1_000_000, 750_000]


def test_what_is_missing_is_imputed_only_when_asked() -> None:
    columns = {"outcome_score": np.array([math.nan])}
    fits = fit(columns, np.ones(1, dtype=bool), OutcomeConfig())
    assert list(score_e6(columns, fits, imputed_score=0.25)) == [250_000]
    with pytest.raises(ValueError, match="has no score"):
        score_e6(columns, fits, imputed_score=None)


@pytest.mark.parametrize(("rule", "value"), [("latest", 5.0), ("first", 1.0), ("mean", 3.0)])
def test_of_repeated_values_one_counts_by_rule(rule: str, value: float) -> None:
    outcomes = [("stars", 1.0, 10), ("stars", 3.0, 20), ("other", 9.0, 99), ("stars", 5.0, 30)]
    found = resolved(outcomes, repeated=rule)
    assert found.values["stars"].to_pylist() == [value]
    assert found.outcomes.to_pylist() == [[("other", 9.0), ("stars", value)]]
    assert found.latest_at_ms.to_pylist() == [30]


def test_a_word_after_a_number_counts_as_no_number() -> None:
    found = resolved([("stars", 1.0, 10), ("stars", None, 20)])
    assert math.isnan(found.values["stars"].to_pylist()[0])
    assert found.outcomes.to_pylist() == [[]]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1.7976931348623157e308, -1.7976931348623157e308, math.nan])
def test_what_mlflow_makes_of_infinity_is_no_number(value: float) -> None:
    assert math.isnan(resolved([("stars", value, 10)]).values["stars"].to_pylist()[0])


def test_fits_are_made_on_train_only_and_kept_in_the_manifest(tmp_path: Path) -> None:
    traces = [
        raw_trace(
            trace_id=str(i),
            started_at_ms=WEEK.start_ms + i,
            inputs={"question": str(i)},
            outcomes={"seconds": float(i)},
        )
        for i in range(200)
    ]
    outcome = {"metric": "seconds", "normalisation": "minmax", "direction": "lower"}
    snapshot, _ = write_snapshot_of(traces, tmp_path, outcome=outcome)
    train = [row.outcomes["seconds"] for row in read_rows(snapshot.parts[Part.TRAIN])]
    (fitted,) = snapshot.outcome_fits
    assert fitted.parameters == (min(train), max(train))
    gate = {row.outcomes["seconds"]: row.score_e6 for row in rows_of(snapshot.parts[Part.GATE])}
    scaled = {x: (x - min(train)) / (max(train) - min(train)) for x in gate}
    assert gate == {x: round(1e6 * (1 - min(max(share, 0), 1))) for x, share in scaled.items()}


def test_imputed_rows_are_counted_and_partial_ones_quarantined(tmp_path: Path) -> None:
    traces = [
        raw_trace(trace_id=str(i), inputs={"question": str(i)}, outcomes=outcomes)
        for i, outcomes in enumerate([{"a": 1.0, "b": 1.0}, {"a": 1.0}, {}])
    ]
    outcome = {"metric": "a", "others": [{"metric": "b"}], "missing": "impute", "imputed_score": 0.5}
    snapshot, _ = write_snapshot_of(traces, tmp_path, outcome=outcome)
    assert snapshot.imputed == 1
    assert snapshot.quarantined == {"partial_outcome": 1}
    assert snapshot.trace_count == 2


@pytest.mark.parametrize(
    "outcome",
    [
        {"missing": "impute"},
        {"imputed_score": 0.5},
        {"metric": "a", "others": [{"metric": "a"}]},
        {"minimum": 1, "maximum": 1},
    ],
)
def test_rules_that_say_too_little_are_refused(outcome: dict) -> None:
    with pytest.raises(ValueError, match=r"impute|may be named once|is empty"):
        OutcomeConfig.model_validate(outcome)

"""Each strategy, small, on a program that examples can teach."""

import json

import pytest
from pydantic import ValidationError

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.errors import ConfigurationError
from teleprompt.optimize import _preflight as preflight
from teleprompt.storage.blobs import get_blob
from teleprompt.strategies import OptimizationStrategy, strategy_of
from tests.optimize.bench import Bench

SMALL = {
    "labeled_fewshot": {},
    "bootstrap_fewshot": {},
    "bootstrap_fewshot_random": {},
    "copro": {"breadth": 2, "max_examples": 5},
    "mipro": {"num_candidates": 2, "num_trials": 2, "max_validation": 6},
    "gepa": {"max_metric_calls": 20, "max_validation": 5},
    "simba": {"bsize": 4, "num_candidates": 2, "max_steps": 1},
    "better_together": {"max_metric_calls": 10, "max_validation": 5},
    "knn_fewshot": {"k": 3},
    "ensemble": {"size": 2},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def config(name: str) -> OptimizationConfig:
    return OptimizationConfig(strategy=name, options=SMALL[name], optimization_rounds=1)


@pytest.mark.parametrize("name", list(OptimizationStrategy))
def test_it_gives_a_program_of_the_same_shape_and_the_same_one_again(bench: Bench, name: str) -> None:
    first, second = (bench.compile(0, config(name)) for _ in range(2))
    composed = {"knn_fewshot": {"nearest_demos"}, "ensemble": {"<ensemble>"}}.get(name, set())
    assert json.loads(get_blob(first.state)).keys() == {"demos", "lm", "signature", "traces", "train"} | composed
    assert first.state == second.state
    assert first.cut_short is first.invalid is None
    assert (first.spend.calls > 0) is (name != "labeled_fewshot")


@pytest.mark.parametrize("name", [n for n in OptimizationStrategy if n != "labeled_fewshot"])
def test_at_a_limit_it_stops_and_calls_nobody_any_more(bench: Bench, name: str) -> None:
    whole = bench.compile(0, config(name))
    limit = max(1, whole.spend.calls // 2)
    cut = bench.compile(0, config(name).model_copy(update={"budget": BudgetConfig(max_calls=limit)}))
    assert cut.spend.calls <= limit
    assert cut.cut_short or cut.spend.calls < limit  # GEPA ends by itself when its limit is near


def test_each_takes_its_own_options_and_only_those() -> None:
    with pytest.raises(ValidationError, match=r"options\.breadth"):
        OptimizationConfig(strategy="mipro", options={"breadth": 4})
    with pytest.raises(ValidationError, match="go together"):
        OptimizationConfig(strategy="mipro", options={"num_trials": 4})
    with pytest.raises(ValidationError, match="exclude each other"):
        OptimizationConfig(strategy="gepa", options={"auto": "light", "max_full_evals": 3})


def test_seeds_are_mapped_where_a_strategy_has_them() -> None:
    assert OptimizationConfig(strategy="gepa", options={"seeds": 3}).seeds == (0, 1, 2)
    assert OptimizationConfig(strategy="bootstrap_fewshot_random", num_candidates=2).seeds == (-3, -2, -1, 0, 1)
    assert OptimizationConfig(strategy="copro").seeds == (0,)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"mipro needs the package optuna; add it to requirements\.txt"):
        preflight.check_package(OptimizationConfig(strategy="mipro"))


def test_abbreviations_tell_strategies_apart() -> None:
    abbreviations = [strategy_of(name).abbreviation for name in OptimizationStrategy]
    assert len(set(abbreviations)) == len(abbreviations)

"""`make run-real` but for its model, which is not fetched for a test."""

from pathlib import Path

import pytest

from dev.real.__main__ import OPTIONS, YAML
from dev.real.texts import read_tweets
from teleprompt.config.files import load_program_file
from teleprompt.config.optimization import OptimizationStrategy
from teleprompt.program.entry_point import build_program
from tests import REPOSITORY

RATED = ("2.3\tSo glad!", "-1.9\tWhat a mess.", "0.2\tA chair.", f"3.1\t{'long ' * 40}", "-2.0\tNever\u2028again")


@pytest.mark.parametrize("strategy", OPTIONS)
def test_each_strategy_has_a_program_file_that_is_valid(tmp_path: Path, strategy: str) -> None:
    file = tmp_path / f"tweet_{strategy}.yaml"
    file.write_text(YAML.format(strategy=strategy, options=OPTIONS[strategy]))
    (tmp_path / "tweet_feeling.py").write_text((REPOSITORY / "dev/real/tweet_feeling.py").read_text())
    assert load_program_file(file, environ={}).optimization.strategy is OptimizationStrategy(strategy)
    assert build_program(file, "tweet_feeling:build").signature.output_fields.keys() == {"feeling"}


def test_only_short_texts_that_people_agree_on_are_taken_as_many_glad_as_sad(tmp_path: Path) -> None:
    lines = "".join(f"{number}\t{line}\n" for number, line in enumerate(RATED))
    (tmp_path / "tweets_GroundTruth.txt").write_text(lines, encoding="utf-8")
    found = {tweet.number: tweet.feeling for tweet in read_tweets(tmp_path)}
    assert found in ({"0": "positive", "1": "negative"}, {"0": "positive", "4": "negative"})

"""The report that anybody can run on scores of his own: `python -m bench.calibration`."""

import sys
from pathlib import Path
from random import Random

import pytest

from bench.calibration import World, best_of_many, gate, independent, main, mean_is_higher, promoted


def test_without_a_gain_only_rules_that_test_are_seldom_wrong() -> None:
    world = World("equal programs", independent(100))
    assert promoted(gate, world, 0.0, rounds=60) <= 0.1
    assert promoted(mean_is_higher, world, 0.0, rounds=60) > 0.3
    assert promoted(best_of_many, world, 0.0, rounds=20) > 0.9


def test_a_gain_is_as_large_as_it_says() -> None:
    draw = World("", independent(20_000)).with_gain(0.05)
    baseline, candidate, _ = draw(Random(1))
    assert sum(candidate) - sum(baseline) == pytest.approx(0.05 * 20_000 * 1_000_000, abs=0.012 * 20_000 * 1_000_000)


def test_it_reads_two_runs_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, offset in (("monday", 0), ("tuesday", 1)):
        rows = "".join(f"{i},{(i * 7 + offset) % 3 // 2}\n" for i in range(60))
        (tmp_path / f"{name}.csv").write_text(f"id,score\n{rows}")
    files = ["--baseline", str(tmp_path / "monday.csv"), "--candidate", str(tmp_path / "tuesday.csv")]
    monkeypatch.setattr(sys, "argv", ["calibration", *files, "--rounds", "2"])
    main()
    shown = capsys.readouterr().out
    assert "monday.csv and tuesday.csv, 60 examples; promoted of 2 comparisons" in shown
    assert "a higher mean (MLflow)" in shown

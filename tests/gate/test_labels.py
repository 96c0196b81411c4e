"""What was compared with, who wrote it, and whether it can tell better from different."""

from pathlib import Path

import pytest

from teleprompt.config.files import ProgramFileError, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.promotion import PromoteOn
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.gate.labels import LabelReport, report_on_labels
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.records import MILLION
from tests.support import write_program

CHAMPION = ("1.2.0", "7")


def config(folder: Path, yaml: str = "") -> ProgramConfig:
    return load_program_file(write_program(folder, yaml=f"name: Shelves\n{yaml}"))


def report(
    folder: Path, *, versions: list[str | None], agrees: list[float], yaml: str = "traces: {labels: outcome}\n"
) -> LabelReport:
    answers = [
        ComparedAnswer(
            trace_id=str(i),
            unit=str(i),
            baseline=ScoredAnswer(score_e6=round(score * MILLION), parts_e6={}),
            optimized=ScoredAnswer(score_e6=0, parts_e6={}),
        )
        for i, score in enumerate(agrees)
    ]
    named = {str(i): version for i, version in enumerate(versions)}
    return report_on_labels(answers, named, config=config(folder, yaml), champion=CHAMPION)


def test_labels_of_a_champion_that_repeats_itself_cannot_tell_better_from_different(tmp_path: Path) -> None:
    found = report(tmp_path, versions=["1.2.0"] * 5 + ["7"] * 3 + ["1.1.0", None], agrees=[1.0] * 7 + [0.5] + [0.0] * 2)
    assert found.written_by == {"champion": 8, "others": 1, "unknown": 1}
    assert found.champion_agrees_e6 == 937_500
    assert found.cannot_tell is not None
    assert found.cannot_tell.startswith("8 of 10 labels are the champion's own answers, with which it agrees to 94 %")
    assert found.in_words == (
        "agreement with logged answers that turned out well: a proxy of the outcome (8 by the champion itself, "
        "1 by other versions, 1 by a version that is not named)"
    )


@pytest.mark.parametrize(
    ("versions", "agrees"),
    [
        (["1.2.0"] * 10, 0.6),  # it answers otherwise each time, and those that turned out well teach something
        (["1.2.0"] * 5 + ["1.1.0"] * 5, 1.0),
        ([None] * 10, 1.0),
    ],
)
def test_other_labels_can(versions: list[str | None], agrees: float, tmp_path: Path) -> None:
    assert report(tmp_path, versions=versions, agrees=[agrees] * 10).cannot_tell is None


def test_what_people_expect_is_a_reference(tmp_path: Path) -> None:
    found = report(tmp_path, versions=["1.2.0"] * 10, agrees=[1.0] * 10, yaml="traces: {labels: expectation}\n")
    assert (found.compared, found.written_by, found.cannot_tell) == (PromoteOn.REFERENCE, {"people": 10}, None)


@pytest.mark.parametrize(
    ("yaml", "promotes_on"),
    [
        ("", PromoteOn.AGREEMENT),
        ("promote_on: agreement\n", PromoteOn.AGREEMENT),
        ("traces: {labels: expectation}\npromote_on: reference\n", PromoteOn.REFERENCE),
        ("rollout: {share: 0.1}\npromote_on: outcome\n", PromoteOn.OUTCOME),
    ],
)
def test_a_program_promotes_on_what_its_file_says(yaml: str, promotes_on: PromoteOn, tmp_path: Path) -> None:
    found = config(tmp_path, yaml)
    assert found.promotes_on is promotes_on
    assert found.compares is not PromoteOn.OUTCOME  # sealed examples hold no outcome of the new answers


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("promote_on: outcome\n", "promote_on: outcome needs a `rollout` with a share"),
        ("promote_on: reference\n", "needs `traces.labels: expectation`, and no `rollout`"),
        ("promote_on: agreement\nrollout: {share: 0.1}\n", "as it is, versions are promoted on outcome"),
    ],
)
def test_what_it_does_not_promote_on_is_refused(yaml: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProgramFileError, match=said):
        config(tmp_path, yaml)

"""What a trial has to show, and what ends one before its time."""

from datetime import UTC, datetime, timedelta

import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone import TrialPolicy
from teleprompt.gate.ledger import Look
from teleprompt.gate.trial_policies import policy_of, share_of_level, superseded_by, waited_for
from teleprompt.gate.trial_records import Opening, ScoredWindow, TrialState
from teleprompt.lm.meter import Spend
from teleprompt.registry.versions import ProgramVersion
from teleprompt.storage.blobs import Blob
from teleprompt.tracking.skipped_windows import SkippedWindow
from teleprompt.window import Window, format_utc
from tests.support import WEEK

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILE = Blob(uri="/x", digest="0" * 64)
LOOK = Look(number=1, alpha=0.0, champion=3, opened_at=NOON, examples=FILE, used=5, seen_before=0, retired=0)
TERMS = {"metric": "1" * 64, "model": "2" * 64}


def opening(**changes: object) -> Opening:
    return Opening(
        **{
            "program": "P", "champion": 3, "champion_version_id": "1.0.0", "baseline_state": FILE,
            "optimized_state": FILE, "policy": TrialPolicy(), "number": 1, "terms": TERMS, "window": WEEK,
            "snapshot": FILE, "key": "a" * 64, "opened_at": NOON, **changes,
        }
    )  # fmt: skip


def version(number: int) -> ProgramVersion:
    return ProgramVersion(program="P", number=number, version_id="1.0.0", state=FILE, parent=None)


def week(number: int) -> Window:
    ahead = timedelta(days=7 * number)
    return Window(start=WEEK.start + ahead, end=WEEK.end + ahead)


def trial(*windows: int, scored_at: datetime = NOON, n: int = 5) -> TrialState:
    scored = [
        ScoredWindow(
            trial=opening().id, window=week(k), key="b" * 64, scores=FILE, n=n, snapshot=FILE, spend=Spend(),
            scored_at=scored_at, look=LOOK,
        )
        for k in windows
    ]  # fmt: skip
    return TrialState(opening=opening(), windows=tuple(scored), ending=None)


def test_the_shares_of_the_level_never_sum_to_more_than_one() -> None:
    shares = [share_of_level(k) for k in range(1, 2000)]
    assert 0.999 < sum(shares) < 1
    assert min(shares) > 0


def test_a_program_file_without_the_section_asks_for_what_the_defaults_ask() -> None:
    config = ProgramConfig(name="P", slug="p")
    assert policy_of(config, number=1) == TrialPolicy(level=TrialPolicy().level / 2)
    assert policy_of(config, number=3).level == pytest.approx(TrialPolicy().level / 12)


def test_a_trial_ends_where_its_champion_or_one_of_its_terms_changed() -> None:
    assert superseded_by(opening(), champion=version(3), terms=TERMS) is None
    assert superseded_by(opening(), champion=version(4), terms=TERMS) == (
        "the champion changed from version 3 to version 4"
    )
    other = {"metric": "9" * 64, "model": "8" * 64}
    assert superseded_by(opening(), champion=version(3), terms=other) == (
        "the metric and the model changed since it was opened"
    )


def test_a_gap_is_waited_for_until_it_was_open_for_long() -> None:
    gaps = [str(week(1))]
    week_long = timedelta(days=7)
    assert waited_for(gaps, trial(0, 2), [], patience=week_long, now=NOON) == gaps
    assert waited_for(gaps, trial(0, 2), [], patience=week_long, now=NOON + timedelta(days=6)) == gaps
    assert waited_for(gaps, trial(0, 2), [], patience=week_long, now=NOON + timedelta(days=7)) == []


def test_a_window_that_had_too_few_traces_is_no_gap() -> None:
    skipped = SkippedWindow(
        program="P",
        window_start=format_utc(week(1).start),
        window_end=format_utc(week(1).end),
        dag_run_id="d",
        why="few",
    )
    gaps = [str(week(1))]
    assert waited_for(gaps, trial(0, 2), [skipped], patience=timedelta(days=7), now=NOON) == []
    longer = [str(Window(start=week(1).start, end=week(2).end))]
    assert waited_for(longer, trial(0, 3), [skipped], patience=timedelta(days=7), now=NOON) == longer


def test_a_window_without_an_example_that_counts_is_no_gap() -> None:
    empty = trial(1, n=0)
    known = trial(0, 2)
    both = known.model_copy(update={"windows": (*known.windows, *empty.windows)})
    assert waited_for([str(week(1))], both, [], patience=timedelta(days=7), now=NOON) == []


def test_the_opening_window_is_waited_for_too() -> None:
    late = trial(1, 2)
    assert waited_for([], late, [], patience=timedelta(days=7), now=NOON) == [str(WEEK)]
    assert waited_for([], late, [], patience=timedelta(days=7), now=NOON + timedelta(days=7)) == []

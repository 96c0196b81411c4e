from pathlib import Path

from teleprompt.traces.profile import profile_of
from teleprompt.traces.profile_page import profile_page
from tests.support import WEEK, raw_trace, write_snapshot_of

DAY_MS = 86_400_000


def profile(folder: Path):
    traces = [
        raw_trace(
            trace_id=f"t{i:02}",
            started_at_ms=WEEK.start_ms + i % 3 * DAY_MS,
            inputs={"question": f"secret question {i}"},
            outcomes={"outcome_score": (i + 0.5) / 21},
            contributor_id="<b>bob</b>" if i % 4 == 0 else "alice",
            failed=i < 2,
        )
        for i in range(21)
    ]
    return profile_of(write_snapshot_of(traces, folder)[0], good_from=0.7)


def test_it_counts_what_is_there(tmp_path: Path) -> None:
    found = profile(tmp_path)
    assert (found.usable, found.good) == (19, 6)
    assert sum(found.parts.values()) == sum(found.scores) == sum(found.days.values()) == 19
    assert found.scores[2] == 1
    assert found.scores[-1] == 1
    assert list(found.days) == ["2026-11-09", "2026-11-10", "2026-11-11"]
    assert list(found.contributors) == ["alice", "<b>bob</b>"]
    assert found.quarantined == {"failed_call": 2}
    assert [example.trace_id for example in found.examples["failed_call"]] == ["t00", "t01"]


def test_a_score_on_an_edge_is_in_the_bin_that_begins_there(tmp_path: Path) -> None:
    traces = [
        raw_trace(trace_id=str(i), inputs={"question": str(i)}, outcomes={"outcome_score": i / 20}) for i in range(21)
    ]
    assert profile_of(write_snapshot_of(traces, tmp_path)[0], good_from=0.7).scores == (*[1] * 19, 2)


def test_the_page_is_whole_quotes_no_text_and_escapes_names(tmp_path: Path) -> None:
    page = profile_page(profile(tmp_path))
    assert page.count("<svg") == page.count("</svg>") == 3
    assert "secret question" not in page
    assert "<b>bob" not in page
    assert "&lt;b&gt;bob" in page
    assert "failed_call" in page
    leaks = "In more than one part: 0 inputs, 0 groups, 2 contributors, 0 pairs of near duplicates."
    assert leaks in page.replace("\n", " ")
    assert "http" not in page


def test_the_same_numbers_give_the_same_page(tmp_path: Path) -> None:
    assert profile_page(profile(tmp_path / "a")) == profile_page(profile(tmp_path / "b"))

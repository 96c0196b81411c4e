"""A report says in one sentence what happened, and in a few lines a program how that is known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from teleprompt.config.promotion import PromoteOn
from teleprompt.report.page import report_page
from teleprompt.report.records import Decision, Failure, Improvement, ProgramReport, Report
from teleprompt.report.words import dollars, headline, lines
from tests.support import WEEK

BETTER = Improvement(
    run_id="r1",
    window=WEEK,
    version=2,
    delta_e6=230_400,
    ci_low_e6=135_600,
    ci_high_e6=325_000,
    n=74,
    compared=PromoteOn.AGREEMENT,
    attestation_id="6445c8bc69d2",
    credits_e6={f"c{i}": 100_000 for i in range(7)},
)
REJECTED = Decision(run_id="r2", window=WEEK, verdict="reject", reason="-39.53 points: below 1 point.")
UNDECIDED = Decision(run_id="r3", window=WEEK, verdict="inconclusive", reason="The trial goes on.")
FAILED = Failure(run_id="r4", window=WEEK, error="MLflow does not answer <b>.")


def program(**changes: Any) -> ProgramReport:
    nothing: dict[str, Any] = dict.fromkeys(("improvements", "decisions", "failures", "online", "changes"), ())
    counts: dict[str, Any] = dict.fromkeys(("skipped_windows", "traces", "quarantined", "lm_calls", "cost_usd"), 0)
    return ProgramReport(**{"program": "draft", "name": "Draft", "champion": None, **nothing, **counts, **changes})


def report(*programs: ProgramReport, **changes: Any) -> Report:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)
    return Report(**{"since": since, "until": until, "programs": programs, "unreadable": {}, **changes})


def test_the_sentence_for_the_boss_names_gain_interval_evidence_and_price() -> None:
    found = report(
        program(improvements=(BETTER,), lm_calls=620, cost_usd=1.5),
        program(program="triage", decisions=(REJECTED, UNDECIDED), failures=(FAILED, FAILED)),
    )
    assert headline(found) == (
        "2026-01-01 to 2026-01-08: 1 of 2 programs improved (draft by +23.04 points [+13.56, +32.50] of agreement), "
        "1 candidate was rejected, 1 run decided nothing, 2 runs failed; 620 model requests cost $1.50."
    )


def test_a_quiet_week_is_said_to_be_one() -> None:
    assert headline(report(program())) == "2026-01-01 to 2026-01-08: nothing was found to be better."
    assert list(lines(program())) == ["Nothing happened."]


def test_of_several_gains_the_largest_stands_in_the_sentence() -> None:
    small = BETTER.model_copy(update={"delta_e6": 20_000, "compared": PromoteOn.OUTCOME})
    assert "draft by +23.04" in headline(report(program(improvements=(small, BETTER))))
    assert len(list(lines(program(improvements=(small, BETTER))))) == 2


def test_a_programs_lines_say_how_each_thing_is_known() -> None:
    said = list(
        lines(
            program(
                improvements=(BETTER,),
                decisions=(REJECTED, UNDECIDED),
                failures=(FAILED,),
                traces=900,
                quarantined=100,
                skipped_windows=2,
            )
        )
    )
    assert said[0].startswith("Version 2 is better by +23.04 points [+13.56, +32.50] on 74 sealed examples, agreement")
    assert "a proxy of the outcome, attested as 6445c8bc69d2. Credited: c0 10.0 %" in said[0]
    assert said[0].endswith("and 2 more.")
    assert "below 1 point" in said[1]
    assert said[2] == "Undecided in 1 of 4 runs, last: The trial goes on."
    assert "MLflow does not answer" in said[3]
    assert said[4:] == ["2 windows held too few traces.", "900 traces read, 100 could not be used (10.0%)."]


@pytest.mark.parametrize(("amount", "said"), [(0, "$0.00"), (0.0021, "$0.0021"), (1234.5, "$1,234.50")])
def test_small_prices_are_not_rounded_to_nothing(amount: float, said: str) -> None:
    assert dollars(amount) == said


def test_the_page_shows_each_gain_with_its_interval_and_escapes_what_others_wrote() -> None:
    found = report(
        program(improvements=(BETTER, BETTER), failures=(FAILED,)), unreadable={"<i>.yaml": "`nope`: unknown key"}
    )
    page = report_page(found)
    assert page.count("<circle") == 2
    assert "+23.0 [+13.6, +32.5]" in page
    assert "does not answer &lt;b&gt;" in page
    assert "&lt;i&gt;.yaml" in page
    assert "http" not in page.replace("http-equiv", "")  # it asks nobody for anything

"""What is learnt of a challenger whose answers nobody is shown."""

from teleprompt.config.gate import LATENCY, Guardrail
from teleprompt.production._guardrails import checked
from teleprompt.production._versions import KnownVersion
from teleprompt.production.shadow import shadow_report
from teleprompt.traces.in_production import AnsweredCall
from teleprompt.traces.shadow_answer import ShadowAnswer, shadow_of

CHALLENGER = KnownVersion(2, "2.0", None, 0.0)


def call(
    i: int, *, alike: bool | None = True, score: int | None = 1_000_000, ms: int = 300, failure: str | None = None
):
    shadow = ShadowAnswer(version="2.0", latency_ms=ms, failure=failure, outputs={"shelf": "left"}, tokens=40)
    return AnsweredCall(f"t{i}", "1.0", f"key {i}", 0.0, i, score, latency_ms=100 + i % 7, shadow=shadow,
                        is_shadow_alike=None if failure else alike)  # fmt: skip


def test_it_says_how_far_it_agrees_how_fast_it_is_and_that_none_of_it_is_an_outcome() -> None:
    calls = [*(call(i) for i in range(30)), *(call(i, alike=False, score=0) for i in range(30, 40)),
             call(40, failure="TimeoutError"), AnsweredCall("t", "1.0", None, 0.0, 0, None)]  # fmt: skip
    found = shadow_report(calls, "2.0")
    assert found is not None
    assert (found.asked, found.failed, found.compared) == (41, 1, 40)
    assert (found.agrees_e6, found.agrees_with_good_e6, found.agrees_with_bad_e6) == (750_000, 1_000_000, 0)
    assert found.in_words == (
        "in the shadow, which is no outcome: asked beside 41 calls, 1 failed; agrees to 75 % with the champion, 100 % "
        "with answers that turned out well, 0 % with answers that did not; median 300 ms, the champion's 103; "
        "40 tokens an answer"
    )


def test_nothing_is_said_of_another_version() -> None:
    assert shadow_report([call(1)], "3.0") is None


def test_its_guardrails_are_those_of_the_answers_nobody_saw() -> None:
    slow, fails = Guardrail(metric=LATENCY, tolerance="50%"), Guardrail(metric="failure_rate", tolerance=0.1)
    calls = [call(i, ms=280 + i % 9, failure="ValueError" if i % 2 else None) for i in range(80)]
    latency, failures = checked((slow, fails), calls, CHALLENGER)
    assert (latency.holds, failures.holds) == (False, False)
    assert failures.reason.startswith("failure_rate 0 -> 0.5, at most 0.1 is tolerated")


def test_feedback_that_is_none_of_ours_is_no_shadow() -> None:
    assert shadow_of([{"name": "teleprompt.shadow", "text": "nonsense"}, {"name": "thumbs", "text": None}]) is None

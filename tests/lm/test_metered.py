"""A model behind a meter, against a server that misbehaves."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import dspy
import pytest

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.settings import LMConfig
from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import CallsStopped, Meter, ModelGone, Spend
from teleprompt.lm.metered import has_price, metered
from teleprompt.storage.journal import Journal
from tests.lm.model_server import KEY, ModelServer, model_server

ASK = dspy.Predict("question -> answer")


def lm_of(server: ModelServer, meter: Meter, *, retries: int = 3, answers: AnswerJournal | None = None, **changes):
    return metered(build_lm(server.config(**changes)), meter, retries=retries, answers=answers)


def ask(lm: object, question: str) -> str:
    with dspy.context(lm=lm):
        return ASK(question=question).answer


def test_what_fails_for_a_moment_is_repeated_and_every_request_is_counted() -> None:
    faults = {0: "429", 1: "500", 3: "hang"}
    with model_server(faults.get) as server:
        meter = Meter()
        lm = lm_of(server, meter)
        assert ask(lm, "one?")
        assert ask(lm, "two?")
        assert meter.spend.calls == server.requests == 5
        assert sum(meter.spend.failures.values()) == 3
        assert (meter.spend.tokens_in, meter.spend.tokens_out) == (20, 10)


def test_an_outage_after_all_tries_ends_the_work() -> None:
    with model_server(lambda _n: "500") as server:
        meter = Meter()
        with pytest.raises(ModelGone):
            ask(lm_of(server, meter, retries=2), "anyone?")
        assert meter.spend.calls == server.requests == 3


def test_a_refused_request_is_that_requests_own_fault() -> None:
    from dspy.utils.exceptions import LMInvalidRequestError

    with model_server(lambda _n: "400") as server:
        meter = Meter()
        lm = lm_of(server, meter)
        with pytest.raises(LMInvalidRequestError):
            ask(lm, "this?")
        server.fault = lambda _n: None
        assert ask(lm, "that?")
        assert meter.spend.calls == server.requests


def test_the_limit_of_calls_is_exact_with_threads() -> None:
    with model_server(seconds=0.01) as server:
        meter = Meter(BudgetConfig(max_calls=20))
        lm = lm_of(server, meter, timeout_seconds=60)  # a call that is tried again counts twice

        def one(i: int) -> str | None:
            try:
                return ask(lm, f"number {i}?")
            except CallsStopped:
                return None

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(40)))
        assert sum(answer is not None for answer in answers) == server.requests == meter.spend.calls == 20
        assert meter.stopped == "The budget of 20 calls was reached"


def test_tokens_and_money_stop_the_next_call() -> None:
    with model_server() as server:
        meter = Meter(BudgetConfig(max_tokens=30))
        lm = lm_of(server, meter)
        assert ask(lm, "one?")
        assert ask(lm, "two?")
        with pytest.raises(CallsStopped, match="30 tokens"):
            ask(lm, "three?")
        priced = Meter(BudgetConfig(max_cost_usd=0.000004))
        cheap = lm_of(server, priced, model="openai/gpt-4o-mini")
        assert ask(cheap, "one?")
        with pytest.raises(CallsStopped, match="4e-06 US dollars"):
            ask(cheap, "two?")
    assert priced.spend.cost_e6 == 4  # 10 tokens at $0.15 and 5 at $0.60 a million: 4.5
    assert meter.spend.unpriced == 2


def test_a_price_is_known_or_not() -> None:
    assert has_price(build_lm(LMConfig(model="openai/gpt-4o-mini")))
    assert not has_price(build_lm(LMConfig(model="openai/my-model")))


def test_answers_of_an_earlier_try_are_given_again_in_their_order_and_not_paid(tmp_path: Path) -> None:
    def journal() -> Journal:
        return Journal(str(tmp_path), "answers", fingerprint="a" * 64)

    with model_server({1: "429"}.get) as server:
        with journal() as first:
            meter = Meter()
            lm = lm_of(server, meter, answers=AnswerJournal(first, meter))
            said = [ask(lm, "the same?"), ask(lm, "the same?"), ask(lm, "another?")]
        paid = server.requests
        with journal() as second:
            again = Meter()
            lm = lm_of(server, again, answers=AnswerJournal(second, again))
            assert [ask(lm, "the same?"), ask(lm, "the same?"), ask(lm, "another?")] == said
            assert server.requests == paid
            assert again.spend == Spend(**{**meter.spend.model_dump(), "kept": 3})
            assert ask(lm, "the same?")
            assert server.requests == paid + 1
    kept = (tmp_path / "answers.jsonl").read_text()
    assert KEY not in kept
    assert "[[ ## question ## ]]" not in kept  # the requests themselves


def test_a_reasoning_model_can_be_metered_and_keeps_its_abilities() -> None:
    model = build_lm(LMConfig(model="openai/gpt-5"))
    assert metered(model, Meter(), retries=0).supports_reasoning
    schema = build_lm(LMConfig(model="openai/gpt-4o-mini"))
    assert metered(schema, Meter(), retries=0).supports_response_schema is schema.supports_response_schema is True


def test_answers_with_thoughts_are_kept_whole(tmp_path: Path) -> None:
    from dspy.lm15 import Config, Message, Request, Response, ThinkingPart, Usage

    class Thinking:
        calls = 0

        def complete(self, request: Request) -> Response:
            self.calls += 1
            message = Message.assistant([ThinkingPart("hm"), *Message.assistant("yes").parts])
            usage = Usage(input_tokens=1, output_tokens=2, total_tokens=3)
            return Response(id=None, model=request.model, message=message, finish_reason="stop", usage=usage)

    request = Request(model="offline/x", messages=(Message.user("?"),), config=Config())
    engine, said = Thinking(), []
    for _ in range(2):
        with Journal(str(tmp_path), "answers", fingerprint="a" * 64) as journal:
            meter = Meter()
            lm = dspy.LM("offline/x", engine=engine, cache=False)
            said.append(metered(lm, meter, retries=0, answers=AnswerJournal(journal, meter))(request))
    assert engine.calls == 1
    assert said[0].message == said[1].message


def test_kept_answers_count_for_the_budget_whether_they_are_used_or_not(tmp_path: Path) -> None:
    with model_server() as server:
        for question in ("one?", "two?"):
            with Journal(str(tmp_path), "answers", fingerprint="a" * 64) as journal:
                meter = Meter(BudgetConfig(max_calls=1))
                lm = lm_of(server, meter, answers=AnswerJournal(journal, meter))
                with suppress(CallsStopped):
                    ask(lm, question)
        assert server.requests == 1


def test_an_answer_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with model_server() as server, Journal(str(tmp_path), "answers", fingerprint="a" * 64) as journal:
        meter = Meter()
        lm = lm_of(server, meter, answers=AnswerJournal(journal, meter))
        monkeypatch.setattr(journal, "append", full)
        assert ask(lm, "one?")
        assert ask(lm, "two?")
        assert server.requests == meter.spend.calls == 2
    assert caplog.text.count("cannot be kept for a retry") == 1

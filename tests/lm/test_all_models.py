"""Whatever model a program asks, and however: it is counted, and no call passes the limit."""

import asyncio
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import LMServerError

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.settings import LMConfig
from teleprompt.lm.all_models import all_models_metered
from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import CallsStopped, Meter
from teleprompt.lm.metered import metered
from teleprompt.lm.tally import Tally, counting_into
from teleprompt.storage.journal import Journal
from tests.lm.model_server import ModelServer, model_server

ASK = dspy.Predict("question -> answer")


def own_lm(server: ModelServer, **options: Any) -> dspy.LM:
    """A model as a program makes it by itself."""
    base = f"http://127.0.0.1:{server.server_port}/v1"
    return dspy.LM("openai/small", api_base=base, api_key="own", **options)


class Legacy(dspy.BaseLM):
    """A client of the program's own, by the interface that DSPy has had longest."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__("legacy/small")
        self.inner = own_lm(server, cache=False)

    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        return self.inner.forward(prompt, messages, **kwargs)


def under_context(lm: Any) -> None:
    with dspy.context(lm=lm):
        ASK(question="which?")


def on_a_predictor(lm: Any) -> None:
    predictor = dspy.Predict("question -> answer")
    predictor.lm = lm
    predictor(question="which?")


def as_an_argument(lm: Any) -> None:
    ASK(question="which?", lm=lm)


def by_hand(lm: Any) -> None:
    lm("which?")


def by_hand_with_messages(lm: Any) -> None:
    lm(messages=[{"role": "user", "content": "which?"}])


def by_its_forward(lm: Any) -> None:
    lm.forward(prompt="which?")


def in_a_coroutine(lm: Any) -> None:
    asyncio.run(lm.acall("which?"))


def by_its_aforward(lm: Any) -> None:
    asyncio.run(lm.aforward(prompt="which?"))


def as_a_copy(lm: Any) -> None:
    under_context(lm.copy(rollout_id=1, temperature=1.0))


def in_parallel(lm: Any) -> None:
    with dspy.context(lm=lm):
        dspy.Parallel(num_threads=2, disable_progress_bar=True)(
            [(ASK, dspy.Example(question="q").with_inputs("question"))]
        )


def in_a_thread(lm: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(by_hand, lm).result()


WAYS = (
    under_context, on_a_predictor, as_an_argument, by_hand, by_hand_with_messages, by_its_forward, in_a_coroutine,
    by_its_aforward, as_a_copy, in_parallel, in_a_thread,
)  # fmt: skip


@pytest.mark.parametrize("ask", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_ask_is_counted_once_and_limited(ask: Callable[[Any], None]) -> None:
    with model_server() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        meter = Meter(BudgetConfig(max_calls=3))
        lm = own_lm(server, cache=False)
        with all_models_metered(meter):
            for _ in range(3):
                ask(lm)
            assert (meter.spend.calls, server.requests) == (3, 3)
            assert meter.spend.tokens_in > 0
            with pytest.raises(BaseException) as stopped:
                ask(lm)
        assert isinstance(stopped.value, CallsStopped) or "Execution cancelled" in str(stopped.value)
        assert server.requests == 3


def test_a_client_of_an_older_interface_is_counted_once() -> None:
    with model_server() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        meter = Meter()
        with all_models_metered(meter):
            under_context(Legacy(server))
        assert (meter.spend.calls, server.requests) == (1, 1)


class Vote(dspy.BaseLM):
    """Asks another model several times in its place."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__("vote/small")
        self.other = own_lm(server, cache=False)

    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        for _ in range(2):
            self.other("which?")
        return self.other.forward(prompt, messages, **kwargs)


class Kind(dspy.LM):
    """Puts something in front of each prompt."""

    def __call__(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        said = messages or [{"role": "user", "content": prompt}]
        return super().__call__(messages=[{"role": "system", "content": "Be kind."}, *said], **kwargs)


def test_a_model_that_asks_others_in_its_place_counts_as_these() -> None:
    with model_server() as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        meter = Meter(BudgetConfig(max_calls=5))
        with all_models_metered(meter):
            by_hand(Vote(server))
            assert (meter.spend.calls, server.requests) == (3, 3)
            with pytest.raises(CallsStopped):
                by_hand(Vote(server))
        assert server.requests <= 5


def test_a_model_with_a_call_of_its_own_is_asked_as_it_wants() -> None:
    with model_server() as server:
        meter = Meter()
        base = f"http://127.0.0.1:{server.server_port}/v1"
        with all_models_metered(meter):
            by_hand(Kind("openai/small", api_base=base, api_key="own"))
        assert (meter.spend.calls, server.requests) == (1, 1)
        assert [message["content"] for message in server.bodies[0]["messages"]] == ["Be kind.", "which?"]


def test_a_program_may_have_another_model_for_an_outage_of_one() -> None:
    with model_server(lambda _n: "500") as down, model_server() as server:
        meter = Meter()
        with all_models_metered(meter):
            try:
                by_hand(own_lm(down, num_retries=0))
            except LMServerError:
                by_hand(own_lm(server))
        assert (down.requests, server.requests, meter.stopped) == (1, 1, None)


def test_the_model_that_a_program_is_given_is_not_counted_twice() -> None:
    with model_server() as server:
        meter = Meter()
        lm = metered(build_lm(server.config()), meter, retries=0)
        with all_models_metered(meter):
            under_context(lm)
        assert (meter.spend.calls, server.requests) == (1, 1)


def test_a_measured_call_is_a_made_call_though_the_program_caches() -> None:
    with model_server() as server:
        meter = Meter()
        with all_models_metered(meter):
            under_context(own_lm(server))
            under_context(own_lm(server))
        assert (meter.spend.calls, server.requests) == (2, 2)


@pytest.mark.parametrize("limit", [{"max_tokens": 77}, {"max_completion_tokens": 77}], ids=str)
def test_its_options_reach_the_server(limit: dict[str, int]) -> None:
    with model_server() as server:
        with all_models_metered(Meter()):
            under_context(own_lm(server, temperature=0.3, top_p=0.5, **limit))
        (body,) = server.bodies
        assert (body["temperature"], body.get("max_tokens") or body["max_completion_tokens"], body["top_p"]) == (
            0.3,
            77,
            0.5,
        )
        assert (body["model"], server.keys) == ("small", ["Bearer own"])


def test_what_an_answer_took_counts_the_programs_own_models_too() -> None:
    with model_server() as server:
        meter, tally = Meter(), Tally()
        with all_models_metered(meter), counting_into(tally):
            under_context(own_lm(server))
        assert tally.tokens == meter.spend.tokens_in + meter.spend.tokens_out > 0


def test_a_retry_pays_no_answer_of_them_twice(tmp_path: Path) -> None:
    with model_server() as server:
        for _ in range(2):
            meter = Meter()
            with Journal(str(tmp_path), "kept", fingerprint="f") as journal:
                kept = AnswerJournal(journal, meter)
                with all_models_metered(meter, answers=kept):
                    under_context(own_lm(server))
        assert (server.requests, meter.spend.calls, meter.spend.kept) == (1, 1, 1)


def test_embeddings_are_counted_by_batch_and_a_function_of_the_programs_own_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("dspy.clients.embedding._compute_embeddings", lambda *_, **__: asked.append(1) or [[0.0]])
    meter = Meter(BudgetConfig(max_calls=2))
    with all_models_metered(meter):
        dspy.Embedder(lambda texts: [[0.0]] * len(texts))(["a", "b"])
        dspy.Embedder("openai/embed", batch_size=1, caching=False)(["a", "b"])
        with pytest.raises(CallsStopped):
            dspy.Embedder("openai/embed", caching=False)("c")
    assert (meter.spend.calls, meter.spend.unpriced, len(asked)) == (2, 2, 3)


def test_afterwards_models_are_as_they_were() -> None:
    meter = Meter()
    with all_models_metered(meter):
        pass
    with dspy.context(lm=build_lm(LMConfig())):
        ASK(question="which?")
    assert meter.spend.calls == 0

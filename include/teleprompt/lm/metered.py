"""A model behind a meter: `dspy.LM` whose engine counts, repeats what failed for a moment, and keeps answers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, Self

from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.meter import Answered, Meter

LONGEST_WAIT = 60.0


@dataclass
class Request:
    """A request that passed the meter and is under way."""

    model: Any
    """Who is asked; None for who is no model of DSPy's."""
    asked_others: bool = False
    """Whether it asked other models in its place, which count for themselves."""


_under_way: ContextVar[Request | None] = ContextVar("under_way", default=None)


@contextmanager
def counted(model: Any = None) -> Iterator[Request]:
    """What `model` sends in here passed the meter; who asked it instead of sending anything is told so."""
    before, request = _under_way.get(), Request(model)
    if before is not None and model is not None and before.model is not model:
        before.asked_others = True
    token = _under_way.set(request)
    try:
        yield request
    finally:
        _under_way.reset(token)


def is_counted(model: Any = None) -> bool:
    """Whether what is sent here passed the meter; of a model only if it is the one that is asked."""
    request = _under_way.get()
    return request is not None and (model is None or request.model is model)


class MeteredEngine:
    """The engine that `dspy.LM(model, engine=…)` calls; sends each request through another `dspy.LM`, once at a time.

    Repeating is done here and not by DSPy, LiteLLM or an SDK, so that every request that is sent is counted.
    """

    def __init__(
        self,
        model: Any,
        meter: Meter,
        *,
        retries: int,
        answers: AnswerJournal | None,
        gone: Callable[[Exception], BaseException],
    ) -> None:
        self.model = model
        """The `dspy.LM` that is asked."""
        self._gone = gone
        self._meter = meter
        self._retries = retries
        self._answers = answers

    def complete(self, request: Any) -> Any:
        """The `dspy.lm15.Response` to a `dspy.lm15.Request`.

        Raises:
            CallsStopped: a limit is reached.
            ModelGone: an outage or a refused login, after all tries.
            LMInvalidRequestError: this request is refused; others may not be.
        """
        from dspy.utils.exceptions import LMError, LMInvalidRequestError

        kept = self._answers.take(request) if self._answers else None
        if kept is not None:
            return kept
        try:
            return self._patiently(request)
        except LMInvalidRequestError:
            raise
        except LMError as error:
            raise self._gone(error) from error

    def _patiently(self, request: Any) -> Any:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        jittered = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)

        def wait(state: Any) -> float:
            asked_for = getattr(state.outcome.exception(), "retry_after", None)  # the server's Retry-After
            return min(max(float(asked_for or 0), jittered(state)), LONGEST_WAIT)

        tries = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(self._retries + 1),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        return tries(self._once, request)

    def _once(self, request: Any) -> Any:
        import dspy

        self._meter.before_call()
        try:
            settings = dspy.context(callbacks=[], usage_tracker=None, disable_history=True)
            with counted(self.model) as under_way, settings:
                response = _asked(self.model, request)
        except Exception as error:
            kind = type(error).__name__
            self._meter.failed(kind)
            if self._answers:
                self._answers.keep_failure(kind)
            raise
        if under_way.asked_others:  # it only chose among others
            self._meter.uncounted()
            return response
        answered = Answered(
            tokens_in=response.usage.input_tokens or 0,
            tokens_out=response.usage.output_tokens or 0,
            cost_e6=price_e6(self.model, request, response),
        )
        self._meter.answered(answered)
        if self._answers:
            self._answers.keep(request, response, answered)
        return response

    def _sleep(self, seconds: float) -> None:
        """Wait, but not beyond the time limit or a stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._meter.stopped is None and (self._meter.seconds_left or 1) > 0:
            time.sleep(min(0.2, max(until - time.monotonic(), 0)))

    @property
    def supports_function_calling(self) -> bool:
        """As the model itself; adapters ask."""
        return bool(self.model.supports_function_calling)

    @property
    def supports_reasoning(self) -> bool:
        """As the model itself."""
        return bool(self.model.supports_reasoning)

    @property
    def supports_response_schema(self) -> bool:
        """As the model itself."""
        return bool(self.model.supports_response_schema)

    @property
    def supported_params(self) -> set[str]:
        """As the model itself."""
        return set(self.model.supported_params)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        """Itself: optimizers copy programs and models, and every copy's calls count."""
        return self


def _asked(model: Any, request: Any) -> Any:
    """The model's answer, past a `__call__` of its own, which a program's call went through already."""
    from dspy import BaseLM

    if not hasattr(model, "_engine_spec") and type(model).forward is BaseLM.forward:  # it only knows `aforward`
        import asyncio

        return asyncio.run(BaseLM.acall(model, request))
    return BaseLM.__call__(model, request)


class Engine(Protocol):
    """What answers requests for a `dspy.LM`."""

    def complete(self, request: Any) -> Any:
        """The response to a request."""
        ...


class ThreadedEngine:
    """An engine for programs that call their model asynchronously."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def complete(self, request: Any) -> Any:
        """As the engine, in a thread."""
        import asyncio

        return await asyncio.to_thread(self._engine.complete, request)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


def _may_pass(error: BaseException) -> bool:
    """Whether asking again can help: outages, limits of rate, and a proxy's page where an answer should be."""
    from dspy.utils.exceptions import (
        LMAuthError,
        LMBillingError,
        LMConfigurationError,
        LMError,
        LMInvalidRequestError,
        LMUnsupportedFeatureError,
    )

    lasting = (LMAuthError, LMBillingError, LMConfigurationError, LMInvalidRequestError, LMUnsupportedFeatureError)
    return isinstance(error, LMError) and not isinstance(error, lasting)


def price_e6(model: Any, request: Any, response: Any) -> int | None:
    """Estimated price of an answer in millionths of a dollar by the price list that DSPy brings; None if not in it."""
    from dspy.clients.costs import estimate_cost

    cost, _ = estimate_cost(response, provider=_provider(model), requested_model=_bare(model), request=request)
    return None if cost is None else round(cost * 1_000_000)


def has_price(model: Any) -> bool:
    """Whether the price list that DSPy brings knows the model."""
    from dspy.lm15 import Config, Message, Request, Response, Usage

    usage = Usage(input_tokens=1, output_tokens=1, total_tokens=2)
    request = Request(model=_bare(model), messages=(Message.user("?"),), config=Config())
    response = Response(id=None, model=_bare(model), message=Message.assistant("!"), finish_reason="stop", usage=usage)
    return price_e6(model, request, response) is not None


direct: dict[str, tuple[str, str]] = {}
"""Address and key of a provider, by the first part of a model's name, while the environment names our own loopback."""


def _past_loopback(model: Any) -> Any:
    """`model`, which is metered here, with the provider's own address where it would take ours."""
    address, key = direct.get(model.model.partition("/")[0], ("", ""))
    if not address or {"api_base", "base_url"} & model.kwargs.keys():
        return model
    return model.copy(api_base=address, api_key=model.kwargs.get("api_key") or key)


def metered(
    model: Any,
    meter: Meter,
    *,
    retries: int,
    answers: AnswerJournal | None = None,
    gone: Callable[[Exception], BaseException] | None = None,
) -> Any:
    """`model` (a `dspy.LM`) with every call counted by `meter`; its options are kept.

    `gone` says what is raised of an outage after all tries; by default it ends the work, as `Meter.gone` does.
    """
    import dspy
    from dspy.clients.backend_selection import CLIENT_KEYS

    engine = MeteredEngine(
        _past_loopback(model.copy(num_retries=0)), meter, retries=retries, answers=answers, gone=gone or meter.outage
    )
    own = {name: value for name, value in model.kwargs.items() if name not in CLIENT_KEYS}  # those stay with the model
    most = own.pop("max_completion_tokens", None)
    if most is not None and own.get("max_tokens") is None:
        own["max_tokens"] = most
    return dspy.LM(
        model.model,
        engine=engine,
        async_engine=ThreadedEngine(engine),
        cache=False,
        num_retries=0,
        **own,
    )


def _provider(model: Any) -> str | None:
    return (
        model.model.partition("/")[0]
        if "/" in model.model and isinstance(getattr(model, "engine", None), str)
        else None
    )


def _bare(model: Any) -> str:
    return str(model.model.rpartition("/")[2])

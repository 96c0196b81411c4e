"""While a program runs here, every language model of DSPy's passes the meter: the one it is given and its own.

A program may set a model under `dspy.context`, on a predictor, or call one by hand; all of these end in
`dspy.BaseLM.__call__`, `acall`, `forward` or `aforward`, and embeddings in `dspy.Embedder`. Here these lead through a
`MeteredEngine`, unless it is that engine which calls.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.meter import Answered, Meter
from teleprompt.lm.metered import MeteredEngine, Request, counted, is_counted, metered
from teleprompt.lm.tally import TallyingEngine, counted_into, tallied


@contextmanager
def all_models_metered(meter: Meter, *, answers: AnswerJournal | None = None) -> Iterator[None]:
    """Count and limit the calls of all models of this process; of its own models' answers, take those that are kept."""
    from dspy import BaseLM, Embedder

    def of(model: Any) -> Any:
        # Its outage is the program's own affair, which may have another model for that.
        own = metered(
            model.copy(cache=False), meter, retries=model.num_retries, answers=answers, gone=lambda error: error
        )
        return tallied(own, tally) if (tally := counted_into.get()) is not None else own

    with ExitStack() as patches:
        for name in ("__call__", "acall"):
            patches.enter_context(_replaced(BaseLM, name, functools.partial(_through_engine, of)))
        for kind in _with_own_forward(BaseLM):
            for name in ("forward", "aforward"):
                if name in vars(kind):
                    patches.enter_context(_replaced(kind, name, functools.partial(_with_count, meter)))
        for name in ("__call__", "acall"):
            patches.enter_context(_replaced(Embedder, name, functools.partial(_embedded, meter)))
        yield


def _through_engine(of: Callable[[Any], Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """A call of a model as one of its metered twin."""

    @functools.wraps(call)
    def through(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(self if is_counted(self) or _is_metered(self) else of(self), *args, **kwargs)

    return through


def _with_count(meter: Meter, forward: Callable[..., Any]) -> Callable[..., Any]:
    """A request that goes past DSPy's own callers, with its tokens counted as the response states them."""

    def ended(under_way: Request, response: Any) -> Any:
        if under_way.asked_others:
            meter.uncounted()
        else:
            meter.answered(_stated(response))
        return response

    if _is_async(forward):

        @functools.wraps(forward)
        async def forward_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            from dspy import BaseLM

            if is_counted(self) or _is_metered(self):
                return await forward(self, *args, **kwargs)
            if type(self).forward is not BaseLM.forward:  # in a thread, where its connections are seen to be counted
                import asyncio

                return await asyncio.to_thread(self.forward, *args, **kwargs)
            meter.before_call()
            with counted(self) as under_way:
                return ended(under_way, await forward(self, *args, **kwargs))

        return forward_async

    @functools.wraps(forward)
    def forward_sync(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_counted(self) or _is_metered(self):
            return forward(self, *args, **kwargs)
        meter.before_call()
        with counted(self) as under_way:
            return ended(under_way, forward(self, *args, **kwargs))

    return forward_sync


def _embedded(meter: Meter, call: Callable[..., Any]) -> Callable[..., Any]:
    """Embeddings of a hosted model, each batch a call; a function of the program's own costs nothing here."""
    unpriced = Answered(tokens_in=0, tokens_out=0, cost_e6=None)

    if _is_async(call):

        @functools.wraps(call)
        async def embedded_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            import asyncio

            return await asyncio.to_thread(self, *args, **kwargs)

        return embedded_async

    @functools.wraps(call)
    def embedded(self: Any, inputs: Any, batch_size: int | None = None, *rest: Any, **kwargs: Any) -> Any:
        if not isinstance(self.model, str):
            return call(self, inputs, batch_size, *rest, **kwargs)
        texts = 1 if isinstance(inputs, str) else len(inputs)
        for _ in range(0, texts, batch_size or self.batch_size):
            meter.before_call()
            meter.answered(unpriced)
        with counted():
            return call(self, inputs, batch_size, *rest, **kwargs)

    return embedded


def _is_async(function: Callable[..., Any]) -> bool:
    import inspect

    return inspect.iscoroutinefunction(inspect.unwrap(function))


def _is_metered(model: Any) -> bool:
    return isinstance(getattr(model, "engine", None), (MeteredEngine, TallyingEngine))


def _with_own_forward(base: type) -> list[type]:
    """`base` and all that derive from it and have a `forward` of their own."""
    kinds, waiting = [], [base]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if {"forward", "aforward"} & vars(kind).keys() and kind is not base:
            kinds.append(kind)
    return kinds


def _stated(response: Any) -> Answered:
    usage = getattr(response, "usage", None)
    found = dict(usage) if usage else {}
    tokens = [int(found.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    return Answered(tokens_in=tokens[0], tokens_out=tokens[1], cost_e6=None)


@contextmanager
def _replaced(kind: type, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    own = vars(kind)[name]
    setattr(kind, name, wrap(own))
    try:
        yield
    finally:
        setattr(kind, name, own)

"""A program that writes its own calls down: whoever calls it, from wherever, can do nothing wrong."""

import copy
import inspect
import json
import secrets
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import WHOLE
from teleprompt.program.value_type import as_json
from teleprompt.serving.call_log import LoggedCall, call_log
from teleprompt.traces.root_span import trace_id
from teleprompt.traces.sources import tags

_last: ContextVar[str | None] = ContextVar("last_trace_id", default=None)
_inside: ContextVar[bool] = ContextVar("inside_a_logged_call", default=False)
_ids: dict[int, str] = {}
_OWN = "_logged_as"


@dataclass(frozen=True)
class LoggedAs:
    """What all calls of a program object have in common."""

    program: str
    experiment: str
    tags: Mapping[str, str | None]


def logged(program: Any, own: LoggedAs) -> Any:
    """`program`, a `dspy.Module`, with every call of it written to MLflow from now on."""
    kind: Any = type(program)
    program.__class__ = _logging(kind)
    program.__dict__[_OWN] = own
    return program


def trace_id_of(answer: Any) -> str:
    """The trace id of the call that gave this very answer, for `log_outcome`.

    Raises:
        ConfigurationError: it is no answer of a program that was loaded here, or of a kind that cannot be told apart (a
            text, a dictionary): read `program.trace_id` after such a call.
    """
    found = _ids.get(id(answer))
    if found is None:
        raise ConfigurationError(
            f"This {type(answer).__name__} is not known as an answer; read `program.trace_id` right after the call."
        )
    return found


class _Logging:
    """What a program's class gets in front of its own."""

    @property
    def trace_id(self) -> str | None:
        """Of the last call in this thread or task."""
        return _last.get()

    def logged_as(self, **said: str | None) -> Any:
        """This program for another contributor or group: a copy that shares everything but `contributor_id`,
        `contributor_address` and `group`."""
        own: LoggedAs = self.__dict__[_OWN]
        other = copy.copy(self)
        other.__dict__[_OWN] = LoggedAs(own.program, own.experiment, {**own.tags, **said_tags(**said)})
        return other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call: Callable[..., Any] = super().__call__  # type: ignore[misc]
        if _inside.get():
            return call(*args, **kwargs)
        with _one_call(self, args, kwargs) as done:
            return done(call(*args, **kwargs))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        call: Callable[..., Any] = super().acall  # type: ignore[misc]
        if _inside.get():
            return await call(*args, **kwargs)
        with _one_call(self, args, kwargs) as done:
            return done(await call(*args, **kwargs))

    def deepcopy(self) -> Any:
        """A copy that logs nothing: optimizers call copies thousands of times, and none of it is production."""
        return _unlogged(self).deepcopy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(_unlogged(self), memo)


@cache
def _logging(kind: type) -> type:
    return type(kind)(
        kind.__name__, (_Logging, kind),
        {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__},
    )  # fmt: skip


def _unlogged(program: Any) -> Any:
    plain = copy.copy(program)
    plain.__class__ = type(program).__mro__[2]
    plain.__dict__.pop(_OWN, None)
    return plain


def said_tags(
    *, contributor_id: str | None = None, contributor_address: str | None = None, group: str | None = None
) -> dict[str, str]:
    """What a caller says of its calls, as tags."""
    named = {
        tags.CONTRIBUTOR_ID: contributor_id, tags.CONTRIBUTOR_ADDRESS: contributor_address, tags.GROUP: group,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


@contextmanager
def _one_call(program: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Callable[[Any], Any]]:
    """Write one call down, whether it answers or raises."""
    own: LoggedAs = program.__dict__[_OWN]
    number, began = secrets.randbits(128), time.time_ns() // 1000
    inputs = _named(program, args, kwargs)  # before the call: a program may change what it is given
    answers: list[Any] = []

    def done(answer: Any) -> Any:
        answers.append(_outputs(answer))
        _remember(answer, trace_id(number))
        return answer

    token = _inside.set(True)
    try:
        with _no_second_trace():
            yield done
    finally:
        _inside.reset(token)
        _last.set(trace_id(number))
        outputs = answers[0] if answers else None
        call_log().put(
            LoggedCall(
                number=number,
                program=own.program,
                experiment=own.experiment,
                tags=own.tags,
                inputs=inputs,
                outputs=outputs,
                started_us=began,
                ended_us=time.time_ns() // 1000,
                size=len(json.dumps([inputs, outputs], default=str)),
            )
        )


def _no_second_trace() -> Any:
    """Keep a caller's own tag off the traces of MLflow's autologging, or the call would count twice."""
    import sys

    if "mlflow.tracing" not in sys.modules:
        return nullcontext()
    import mlflow

    return mlflow.tracing.context(tags={tags.PROGRAM: ""})


def _named(program: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, as JSON."""
    kind = type(program).__mro__[2]
    call = getattr(kind, "forward", None) or getattr(kind, "aforward", None)
    given = dict(kwargs)
    if args and call is not None:
        try:
            bound = inspect.signature(call).bind_partial(program, *args)
            given = {
                **{name: value for name, value in list(bound.arguments.items())[1:] if name not in kwargs},
                **given,
            }
        except TypeError:  # the call itself says what is wrong
            given = {"args": list(args), **given}
    return {name: as_json(value) for name, value in given.items()}


def _outputs(answer: Any) -> dict[str, Any]:
    """An answer's fields as JSON; of one without fields the one output."""
    import dspy

    if isinstance(answer, (dspy.Example, Mapping)):
        return {str(name): as_json(value) for name, value in answer.items()}
    if any(hasattr(type(answer), mark) for mark in ("model_fields", "__dataclass_fields__")):
        written = as_json(answer)
        return written if isinstance(written, dict) else {WHOLE: written}
    return {WHOLE: as_json(answer)}


def _remember(answer: Any, found: str) -> None:
    """Know the answer's call as long as the answer lives."""
    try:
        weakref.finalize(answer, _ids.pop, id(answer), None)
    except TypeError:
        return
    _ids[id(answer)] = found

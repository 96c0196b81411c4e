"""A program that writes its own calls down: whoever calls it, from wherever, can do nothing wrong."""

import copy
import inspect
import json
import logging
import secrets
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import WHOLE
from teleprompt.program.value_type import as_json
from teleprompt.registry.exploration import Exploration
from teleprompt.serving.call_log import LoggedCall, call_log
from teleprompt.serving.explore import explored
from teleprompt.serving.shadow import LateShadow, Shadows
from teleprompt.traces.root_span import trace_id
from teleprompt.traces.shadow_answer import ShadowAnswer
from teleprompt.traces.sources import tags

log = logging.getLogger(__name__)

_last: ContextVar[str | None] = ContextVar("last_trace_id", default=None)
_inside: ContextVar[bool] = ContextVar("inside_a_logged_call", default=False)
_ids: dict[int, str] = {}
shadows = Shadows()
"""Of this process."""
_OWN = "_logged_as"
DEEPEST = 100
"""Lists and objects in each other, from where on their kind stands for them."""


@dataclass(frozen=True)
class Shadow:
    """A challenger that is asked the same, and shown to nobody."""

    program: Any
    version_id: str


@dataclass(frozen=True)
class LoggedAs:
    """What all calls of a program object have in common."""

    program: str
    tracking_uri: SecretUri
    experiment: str
    tags: Mapping[str, str | None]
    exploration: Exploration | None = None
    """Which answers are left to chance."""
    shadow: Shadow | None = None


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

    def __init_subclass__(cls, **_: object) -> None:
        """Tell no base of the program's class of a class that is none of its author's."""

    @property
    def trace_id(self) -> Any:
        """Of the last call in this thread or task; a program with a `trace_id` of its own keeps that."""
        return self.__dict__.get("trace_id", _last.get())

    @trace_id.setter
    def trace_id(self, value: Any) -> None:
        self.__dict__["trace_id"] = value

    def logged_as(self, **said: str | None) -> Any:
        """This program for another contributor or group: a copy that shares everything but `contributor_id`,
        `contributor_address` and `group`."""
        own: LoggedAs = self.__dict__[_OWN]
        other = copy.copy(self)
        other.__dict__[_OWN] = replace(own, tags={**own.tags, **said_tags(**said)})
        return other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call: Callable[..., Any] = super().__call__  # type: ignore[misc]
        if _inside.get():
            return call(*args, **kwargs)
        with _one_call(self, args, kwargs) as one:
            answer = call(*args, **kwargs)
            if inspect.isawaitable(answer):
                return one.awaited(answer)
            return one.answered(answer)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        call: Callable[..., Any] = super().acall  # type: ignore[misc]
        if _inside.get():
            return await call(*args, **kwargs)
        with _one_call(self, args, kwargs) as one:
            return one.answered(await call(*args, **kwargs))

    def deepcopy(self) -> Any:
        """A copy that logs nothing: optimizers call copies thousands of times, and none of it is production."""
        return _unlogged(self).deepcopy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(_unlogged(self), memo)

    def __copy__(self) -> Any:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __reduce_ex__(self, protocol: Any) -> Any:
        del protocol
        return _itself, (_unlogged(self),)  # what is saved or sent elsewhere logs nothing there


@cache
def _logging(kind: type) -> type:
    return type(kind)(
        kind.__name__, (_Logging, kind),
        {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__},
    )  # fmt: skip


def _unlogged(program: Any) -> Any:
    kind: Any = type(program).__mro__[2]
    plain = kind.__new__(kind)
    plain.__dict__.update({name: value for name, value in program.__dict__.items() if name != _OWN})
    return plain


def _itself(program: Any) -> Any:
    return program


def said_tags(
    *, contributor_id: str | None = None, contributor_address: str | None = None, group: str | None = None
) -> dict[str, str]:
    """What a caller says of its calls, as tags."""
    named = {
        tags.CONTRIBUTOR_ID: contributor_id, tags.CONTRIBUTOR_ADDRESS: contributor_address, tags.GROUP: group,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


class _Call:
    """One call on its way into the log; whatever goes wrong with that is none of the caller's business."""

    def __init__(self, program: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._own: LoggedAs = program.__dict__[_OWN]
        self._number, self._began = secrets.randbits(128), time.time_ns() // 1000
        self._inputs = _named(program, args, kwargs)  # before the call: a program may change what it is given
        self._outputs: dict[str, Any] | None = None
        self._propensity: float | None = None
        self._given = _copied(args, kwargs) if self._own.shadow is not None else None
        self.is_over = True
        """Whether its end is known; not that of a coroutine that nobody has awaited yet."""

    def answered(self, answer: Any) -> Any:
        """Note the answer, and hand it on, or another one where that is left to chance."""
        if self._own.exploration is not None:
            try:
                answer, self._propensity = explored(answer, self._own.exploration)
            except Exception as error:  # noqa: BLE001 - an answer that cannot be exchanged is given as it is
                log.warning("%s: an answer was not explored (%s).", self._own.program, type(error).__name__)
        self._outputs = _outputs(answer)
        _remember(answer, trace_id(self._number))
        return answer

    def awaited(self, answer: Awaitable[Any]) -> Awaitable[Any]:
        """The answer of a coroutine; it is logged when it is there."""
        self.is_over = False

        async def waiting() -> Any:
            try:
                return self.answered(await answer)
            finally:
                self.put()

        return waiting()

    def put(self) -> None:
        """Hand the call over to the log."""
        _last.set(trace_id(self._number))
        propensity = {} if self._propensity is None else {tags.PROPENSITY: repr(self._propensity)}
        call_log(self._own.tracking_uri).put(
            LoggedCall(
                number=self._number,
                program=self._own.program,
                experiment=self._own.experiment,
                tags={**self._own.tags, **propensity},
                inputs=self._inputs,
                outputs=self._outputs,
                started_us=self._began,
                ended_us=time.time_ns() // 1000,
                size=len(json.dumps([self._inputs, self._outputs])),
            )
        )
        if self._own.shadow is not None and self._given is not None:
            shadow = self._own.shadow
            shadows.ask(
                copy.copy(shadow.program), self._given, version=shadow.version_id, written=_outputs, tell=self._beside
            )

    def _beside(self, answer: ShadowAnswer) -> None:
        at_ms, size = time.time_ns() // 10**6, len(json.dumps(answer.outputs)) + 200
        call_log(self._own.tracking_uri).put(LateShadow(trace_id(self._number), answer, at_ms, size))


@contextmanager
def _one_call(program: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[_Call]:
    """Write one call down, whether it answers or raises."""
    one = _Call(program, args, kwargs)
    token = _inside.set(True)
    try:
        with _no_second_trace():
            yield one
    finally:
        _inside.reset(token)
        if one.is_over:
            one.put()


def _copied(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """What the call was given, before a program changes it; None where it cannot be given twice."""
    try:
        return copy.deepcopy((args, dict(kwargs)))
    except Exception:  # noqa: BLE001 - an iterator, a connection: then nobody else is asked
        return None


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
    return {name: _json(value) for name, value in given.items()}


def _outputs(answer: Any) -> dict[str, Any]:
    """An answer's fields as JSON; of one without fields the one output."""
    import dspy

    if isinstance(answer, (dspy.Example, Mapping)):
        return {str(name): _json(value) for name, value in answer.items()}
    written = _json(answer)
    has_fields = any(hasattr(type(answer), mark) for mark in ("model_fields", "__dataclass_fields__"))
    return written if has_fields and isinstance(written, dict) else {WHOLE: written}


def _json(value: Any, depth: int = 0) -> Any:
    """A value as JSON; of what can be gone through once only, and of what cannot be written, its kind."""
    if depth > DEEPEST or inspect.isawaitable(value) or isinstance(value, (Iterator, AsyncIterator)):
        return f"<{type(value).__name__}>"
    try:
        if type(value) is dict:
            return {str(name): _json(each, depth + 1) for name, each in value.items()}
        if type(value) in {list, tuple, set, frozenset}:
            return [_json(each, depth + 1) for each in value]
        return as_json(value)
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything, and the call goes on
        return f"<{type(value).__name__}>"


def _remember(answer: Any, found: str) -> None:
    """Know the answer's call as long as the answer lives; one that comes again is known by its newest call."""
    if id(answer) not in _ids:
        try:
            weakref.finalize(answer, _ids.pop, id(answer), None)
        except TypeError:
            return
    _ids[id(answer)] = found

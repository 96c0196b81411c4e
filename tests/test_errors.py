"""What each class of error says is to be done about it."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import teleprompt
import teleprompt_airflow.api.problems as problems
from teleprompt.config.files import ProgramFileError
from teleprompt.errors import (
    ConfigurationError,
    InsufficientTracesError,
    InternalError,
    NothingToDoError,
    TelepromptError,
    TransientError,
    UnreliableNodeError,
)
from teleprompt.traces.submission.spool import SpoolFullError

KINDS = (TransientError, NothingToDoError, ConfigurationError, InternalError)
RUNNING = {"teleprompt.registry.served_program"}
"""Modules that do something when they are imported."""


def all_errors() -> Iterator[type[TelepromptError]]:
    for module in walk_packages(teleprompt.__path__, "teleprompt."):
        if module.name not in RUNNING and ".example." not in module.name:
            import_module(module.name)

    def below(kind: type[TelepromptError]) -> Iterator[type[TelepromptError]]:
        yield kind
        for one in kind.__subclasses__():
            yield from below(one)

    yield from {kind for kind in below(TelepromptError) if kind.__module__.startswith("teleprompt")}


@pytest.mark.parametrize("error", sorted(all_errors(), key=lambda kind: kind.__name__))
def test_each_error_says_one_thing_to_airflow_the_api_and_the_shell(error: type[TelepromptError]) -> None:
    assert sum(issubclass(error, kind) for kind in KINDS) <= 1
    assert (error.exit_code == 2) == issubclass(error, ConfigurationError)
    later = error.http_status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
    assert later == issubclass(error, TransientError)
    assert (error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR) == issubclass(error, InternalError)


@pytest.mark.parametrize(
    "error",
    [
        InsufficientTracesError(3, 9, program="p", window="w", quarantined={"missing_input": 8}),
        ProgramFileError(Path("p.yaml"), "is wrong", key="gate.alpha", line=4),
        UnreliableNodeError("two heads"),
        TelepromptError("plain"),
    ],
)
def test_an_error_reaches_another_process_with_its_class_and_facts(error: TelepromptError) -> None:
    said = json.loads(json.dumps(error.as_json()))
    again = TelepromptError.from_json(said["kinds"], said["text"], said["facts"])
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert {name: getattr(again, name) for name in error.facts} == {name: getattr(error, name) for name in error.facts}


def test_of_a_class_that_is_not_known_here_its_kind_is_kept() -> None:
    """The parent may not have imported the module of the child's class: it must still know whether to retry."""
    again = TelepromptError.from_json(["NewOutageError", "TransientError", "TelepromptError"], "away", {})
    assert type(again) is TransientError


def test_every_transient_error_is_answered_with_a_time_to_come_back() -> None:
    for error in (SpoolFullError("full"), UnreliableNodeError("two heads")):
        answer = problems._domain(None, error)  # type: ignore[arg-type]  # the request is not looked at
        assert answer.headers["Retry-After"]
        assert answer.status_code in {429, 503}

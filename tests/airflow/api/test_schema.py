"""The API against its own description: schemathesis makes up requests, and checks every answer."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.airflow.api.conftest import API, World

pytestmark = pytest.mark.slow

EXAMPLES = 12
"""Requests for each operation, half of them wrong on purpose."""


@schemathesis.serializer("application/x-ndjson")
def json_lines(_: Any, value: Any) -> bytes:
    """A body for the bulk route: whatever text was made up."""
    return str(value).encode("utf-8", "replace")


def test_every_answer_is_one_that_is_described(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"Authorization": f"Bearer {world.tokens['admin']}"}
    schema = schemathesis.openapi.from_asgi(f"{API}/openapi.json", world.http.app, headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    wrong = {operation.label: problem for operation in operations if (problem := wrong_answers(operation, headers))}
    with capsys.disabled():
        print(
            f"\nschemathesis: {EXAMPLES} requests at most to each of {len(operations)} operations, {len(wrong)} wrong"
        )
    assert wrong == {}, "\n\n".join(f"{label}\n{text}" for label, text in wrong.items())


def wrong_answers(operation: Any, headers: dict[str, str]) -> str | None:
    """What is wrong with an operation's answers."""
    # What a description cannot say (a start before its end, a version that exists) is refused with 422, too.
    excluded = [positive_data_acceptance]
    if operation.path == "/health/ready":
        excluded.append(not_a_server_error)  # 503 is its way to say no

    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    try:
        check()
    except BaseExceptionGroup as found:
        return str(found)[:1500]
    return None

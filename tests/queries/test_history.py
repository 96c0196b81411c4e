"""Runs read back page by page."""

from collections.abc import Iterator
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.history import page_of_runs
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import KEY_TAG, experiment_name, internal_experiment

ODD_CURSORS = (
    "nonsense", "", "-1", "MQ==", "bnVsbA==", "eyJvZmZzZXQiOiAtMX0=", "\ud800", "\x00", "9" * 400,
    f"{'9' * 400}-{'a' * 32}", f"-5-{'a' * 32}", f"\u0663-{'a' * 32}", f"5-{'A' * 32}", f"5-{'a' * 32}\n",
)  # fmt: skip


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    with mlflow_client(settings.tracking_uri) as found:
        yield found


def log_runs(client: Any, *start_times: int) -> None:
    experiment = internal_experiment(client, experiment_name("Shelves"))
    for number, start_time in enumerate(start_times):
        tags = {
            KEY_TAG: f"{number:064x}",
            "teleprompt.program": "Shelves",
            "teleprompt.window_start": "2026-11-09T00:00:00Z",
            "teleprompt.window_end": "2026-11-16T00:00:00Z",
        }
        client.create_run(experiment, start_time=start_time, tags=tags)


def pages(client: Any, *, limit: int) -> list[list[str]]:
    """Keys of the runs, page by page."""
    found, cursor = [], None
    while True:
        runs, cursor = page_of_runs(client, program="Shelves", limit=limit, cursor=cursor)
        found.append([run.key for run in runs])
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_each_run_is_on_one_page_those_of_one_moment_too(client: Any, limit: int) -> None:
    log_runs(client, 1000, 3000, 2000, 2000, 2000, 2000)
    found = pages(client, limit=limit)
    keys = [key for page in found for key in page]
    assert sorted(keys) == [f"{number:064x}" for number in range(6)]
    assert (keys[0], keys[-1]) == (f"{1:064x}", f"{0:064x}")
    assert {len(page) for page in found[:-1]} <= {limit}
    assert found[-1]


def test_a_program_without_runs_has_one_empty_page(client: Any) -> None:
    assert pages(client, limit=5) == [[]]


@pytest.mark.parametrize("cursor", ODD_CURSORS, ids=ascii)
def test_a_cursor_of_somebody_elses_is_refused(client: Any, cursor: str) -> None:
    log_runs(client, 1000)
    with pytest.raises(ConfigurationError, match="none of ours"):
        page_of_runs(client, program="Shelves", limit=5, cursor=cursor)


def test_a_cursor_beyond_all_runs_gives_an_empty_page(client: Any) -> None:
    log_runs(client, 1000)
    assert page_of_runs(client, program="Shelves", limit=5, cursor=f"0-{'a' * 32}") == ([], None)

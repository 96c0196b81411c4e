"""Every source gives the same rows of the same store."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from teleprompt.config.traces import TracesConfig
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.traces.sources.sql import _source
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK
from tests.traces.sources.odd_store import PROGRAM


@contextmanager
def sources(uri: str, access: str, *, page_size: int = 1000) -> Iterator[dict[str, Any]]:
    with mlflow_client(uri) as client, open_store(client) as store:
        opened = store.sources(TracesConfig(access=access), outcomes=[], page_size=page_size)
        yield {source.kind: source for source in opened}


def rows(source: Any, window=WEEK) -> list[str]:
    """One JSON text per row, so that NaN equals NaN."""
    import pyarrow as pa

    tables = list(source.read(PROGRAM, window))
    table = pa.concat_tables([raw_schema().empty_table(), *tables])
    assert all(part.schema == raw_schema() for part in tables)
    return [json.dumps(row, default=str, sort_keys=True) for row in table.to_pylist()]


@pytest.mark.parametrize("store", ["odd_sqlite", "odd_postgresql"])
@pytest.mark.parametrize(("kind", "at_least"), [("runs", 25), ("traces", 14)])
def test_sql_and_client_agree_row_by_row(
    store: str, kind: str, at_least: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_source, "PIECE", 300)
    uri = request.getfixturevalue(store)
    with sources(uri, "sql") as by_sql, sources(uri, "api", page_size=3) as by_client:
        assert (by_sql[kind].route, by_client[kind].route) == ("sql", "client")
        expected = rows(by_client[kind])
        assert rows(by_sql[kind]) == expected
        assert len(expected) >= at_least
        assert by_sql[kind].count(PROGRAM, WEEK) == by_client[kind].count(PROGRAM, WEEK) == len(expected)
        for number in (0, 1, len(expected), len(expected) + 1):
            there = number <= len(expected)
            assert by_sql[kind].holds(PROGRAM, WEEK, number) == by_client[kind].holds(PROGRAM, WEEK, number) == there

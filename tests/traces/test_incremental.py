"""Reading only what is new, against real MLflow stores."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from teleprompt.config.traces import TraceAccess, TracesConfig
from teleprompt.traces._incremental import DayCache, read_new
from teleprompt.traces.sources.choose import open_store
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests.support import MONDAY, WEEK, log_run
from tests.traces.sources.odd_store import log_trace

DAY = timedelta(days=1)
LONG_AFTER = datetime(2027, 3, 1, tzinfo=UTC)


class Watched:
    """A source that remembers which spans were asked of it."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.kind, self.route = source.kind, source.route
        self.read_days: list[str] = []

    def read(self, program: str, window: Window, *, known: Any = None) -> Iterator[Any]:
        day = window.start
        while day < window.end:
            self.read_days.append(f"{day:%a}")
            day += DAY
        return self._source.read(program, window, known=known)

    def holds(self, program: str, window: Window, number: int) -> bool:
        return self._source.holds(program, window, number)

    def marks(self, program: str, windows: Sequence[Window]) -> list[str] | None:
        return self._source.marks(program, windows)


@pytest.fixture(params=[TraceAccess.SQL, TraceAccess.API])
def shop(request: pytest.FixtureRequest, settings: Settings) -> Iterator["Shop"]:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        yield Shop(client, store, request.param, Path(settings.storage_uri))


class Shop:
    """A production experiment and somebody who reads it again and again."""

    def __init__(self, client: Any, store: Any, access: TraceAccess, folder: Path) -> None:
        self.client, self.access = client, access
        self.experiment = client.create_experiment("prod", (folder / "artifacts").as_uri())
        self._store = store
        self.cache = DayCache.of(str(folder), store="here")

    def log(self, day: float, **changes: Any) -> str:
        return log_run(self.client, self.experiment, at=MONDAY + day * DAY, **changes)

    def read(self, window: Window = WEEK, *, now: datetime = LONG_AFTER) -> tuple[list[str], list[str]]:
        """Ids that were found, and days that were read from MLflow."""
        (source,) = self._store.sources(TracesConfig(access=self.access, source="runs"), outcomes=[], page_size=1000)
        watched = Watched(source)
        tables = list(read_new(watched, "P", window, cache=self.cache, settled=30 * DAY, now=now))
        return [name for table in tables for name in table["trace_id"].to_pylist()], watched.read_days


def test_a_later_window_reads_only_its_new_days(shop: Shop) -> None:
    ids = [shop.log(day) for day in range(9)]
    assert shop.read() == (ids[:7], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    later = Window(start=MONDAY + 5 * DAY, end=MONDAY + 9 * DAY)
    assert shop.read(later) == (ids[5:], ["Mon", "Tue"])
    assert shop.read(later) == (ids[5:], [])


def test_an_added_and_a_deleted_call_are_noticed(shop: Shop) -> None:
    ids = [shop.log(day) for day in range(7)]
    shop.read()
    added = shop.log(2.5)
    assert shop.read() == ([*ids[:3], added, *ids[3:]], ["Wed"])
    shop.client.delete_run(ids[5])
    assert shop.read() == ([*ids[:3], added, *ids[3:5], ids[6]], ["Sat"])


def test_a_late_outcome_is_found_by_its_own_time(shop: Shop) -> None:
    """By SQL whenever it comes; by the API as long as its day has not settled."""
    for day in range(7):
        run = shop.log(day, metrics={} if day == 3 else {"outcome_score": 0.5})
        late = run if day == 3 else None
        if late:
            waiting = late
    soon = WEEK.end + DAY
    shop.read(now=soon)
    shop.client.log_metric(waiting, "outcome_score", 1.0, timestamp=WEEK.end_ms)
    _, read = shop.read(now=soon)
    assert "Thu" in read
    if shop.access is TraceAccess.SQL:
        assert read == ["Thu"]


def test_a_part_of_a_day_is_read_and_never_kept(shop: Shop) -> None:
    ids = [shop.log(day / 4) for day in range(8)]
    half = Window(start=MONDAY + DAY / 2, end=MONDAY + 3 * DAY / 2)
    assert shop.read(half)[0] == ids[2:6]
    assert shop.read(half)[1] == ["Mon"]
    assert shop.read()[0] == ids


def test_a_day_that_is_not_over_is_not_kept(shop: Shop) -> None:
    shop.log(0)
    during = MONDAY + DAY / 2
    today = Window(start=MONDAY, end=MONDAY + DAY)
    shop.read(today, now=during)
    assert shop.read(today, now=during)[1] == ["Mon"]


def test_what_was_lost_or_damaged_is_read_again(shop: Shop) -> None:
    ids = [shop.log(day) for day in range(3)]
    shop.read()
    files = sorted(Path(shop.cache.storage_uri, "days").rglob("*.arrow"))
    files[0].unlink()
    files[1].write_bytes(b"ARROW1")
    found, read = shop.read()
    assert found == ids
    assert len(read) >= 1


def test_a_load_that_died_goes_on_after_its_last_whole_day(shop: Shop) -> None:
    ids = [shop.log(day) for day in range(7)]
    (source,) = shop._store.sources(TracesConfig(access=shop.access, source="runs"), outcomes=[], page_size=2)

    class Dying(Watched):
        def read(self, program: str, window: Window, *, known: Any = None) -> Iterator[Any]:
            for table in super().read(program, window, known=known):
                for i in range(len(table)):
                    row = table.slice(i, 1)
                    if row["trace_id"][0].as_py() == ids[4]:
                        raise KeyboardInterrupt
                    yield row

    with pytest.raises(KeyboardInterrupt):
        list(read_new(Dying(source), "P", WEEK, cache=shop.cache, settled=30 * DAY, now=LONG_AFTER))
    assert shop.read() == (ids, ["Thu", "Fri", "Sat", "Sun"])


@pytest.mark.usefixtures("fluent")
def test_spans_that_were_read_are_not_fetched_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        experiment = client.create_experiment("prod")
        first = log_trace(experiment, at=MONDAY, feedback=(0.5,))
        silent = log_trace(experiment, at=MONDAY + timedelta(hours=1))
        config = TracesConfig(access="api", source="traces")
        (source,) = store.sources(config, outcomes=["outcome_score"], page_size=100)
        fetched: list[str] = []
        payloads = source.payloads
        monkeypatch.setattr(source, "payloads", lambda ids: fetched.extend(ids) or payloads(ids))
        cache = DayCache.of(settings.storage_uri, store="here")

        def read() -> list[dict[str, Any]]:
            tables = read_new(source, "P", WEEK, cache=cache, settled=30 * DAY, now=WEEK.end)
            return [row for table in tables for row in table.to_pylist()]

        rows = read()
        assert fetched == [first]
        assert [bool(row["inputs"]) for row in rows] == [True, False]
        mlflow.log_feedback(trace_id=silent, name="outcome_score", value=1.0)
        rows = read()
        assert fetched == [first, silent]
        assert [dict(row["inputs"]) for row in rows] == [{"question": "why"}] * 2


def move_spans(settings: Settings, trace_id: str, location: str) -> None:
    with sqlite3.connect(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///")) as database:
        database.execute(
            "UPDATE trace_tags SET value = ? WHERE key = 'mlflow.trace.spansLocation' AND request_id = ?",
            (location, trace_id),
        )
    database.close()


@pytest.mark.usefixtures("fluent")
def test_a_day_with_spans_that_could_not_be_read_is_read_again(settings: Settings) -> None:
    from teleprompt.config.outcome import OutcomeConfig
    from teleprompt.traces._validate import validate
    from tests.support import FIELDS

    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        experiment = client.create_experiment("prod")
        trace_id = log_trace(experiment, at=MONDAY, feedback=(0.5,))
        log_trace(experiment, at=MONDAY)
        move_spans(settings, trace_id, "ARTIFACT_REPO")  # where there is no file
        cache = DayCache.of(settings.storage_uri, store="here")

        def reasons(access: str) -> list[str]:
            config = TracesConfig(access=access, source="traces")
            (source,) = store.sources(config, outcomes=["outcome_score"], page_size=100)
            tables = list(read_new(source, "P", WEEK, cache=cache, settled=30 * DAY, now=LONG_AFTER))
            judged = validate(tables[0], program="P", fields=FIELDS, outcome=OutcomeConfig(), now_ms=2**62)
            return sorted([*judged.quarantine["reason"].to_pylist(), *["usable"] * len(judged.rows)])

        assert reasons("sql") == ["missing_outcome", "spans_unavailable"]
        move_spans(settings, trace_id, "TRACKING_STORE")
        assert reasons("sql") == ["missing_outcome", "usable"]


def test_nothing_is_counted_twice_over_windows_that_follow_each_other(settings: Settings) -> None:
    """With maturity each call belongs to the window in which it matures, and to no other."""
    from teleprompt.config.program import ProgramConfig
    from teleprompt.traces.collect import open_reading

    config = ProgramConfig(name="P", slug="p", outcome={"maturity_days": 2.5})
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.create_experiment("prod")
        ids = [log_run(client, experiment, at=MONDAY + hours * timedelta(hours=7)) for hours in range(40)]
        seen: list[str] = []
        for week in range(3):
            window = Window(start=WEEK.start + week * 7 * DAY, end=WEEK.end + week * 7 * DAY)
            with open_reading(client, config=config, window=window, storage_uri=settings.storage_uri) as reading:
                tables = list(reading.batches())
            starts = [ms for table in tables for ms in table["started_at_ms"].to_pylist()]
            shift = 2.5 * 86_400_000
            assert all(window.start_ms <= ms + shift < window.end_ms for ms in starts)
            seen += [name for table in tables for name in table["trace_id"].to_pylist()]
    assert seen == ids


def test_two_stores_with_a_program_of_one_name_are_kept_apart(settings: Settings, tmp_path: Path) -> None:
    import shutil

    from teleprompt.config.program import ProgramConfig
    from teleprompt.traces.collect import open_reading

    other = f"sqlite:///{tmp_path}/other.db"
    shutil.copy(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///"), tmp_path / "other.db")
    found = {}
    for uri in (settings.tracking_uri.get_secret_value(), other):
        with mlflow_client(uri) as client:
            logged = log_run(client, client.create_experiment("prod"))
            for _ in range(2):
                with open_reading(
                    client,
                    config=ProgramConfig(name="P", slug="p"),
                    window=WEEK,
                    storage_uri=settings.storage_uri,
                ) as reading:
                    found[uri] = [name for table in reading.batches() for name in table["trace_id"].to_pylist()]
            assert found[uri] == [logged]
    assert found[other] != found[settings.tracking_uri.get_secret_value()]


@pytest.fixture
def ledger(settings: Settings) -> Iterator["Ledger"]:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        yield Ledger(client, store, settings.storage_uri)


class Ledger:
    """Traces of the week, read by MLflow's API long after."""

    def __init__(self, client: Any, store: Any, storage_uri: str) -> None:
        self.client, self._store = client, store
        self.experiment = client.create_experiment("prod")
        self.cache = DayCache.of(storage_uri, store="here")
        self.fetched: list[str] = []

    def say(self, trace_id: str, value: float, **more: Any) -> str:
        """Feedback whose time is the same whenever it is given."""
        import mlflow

        at_ms = WEEK.start_ms + 5
        said = mlflow.entities.Feedback(name="outcome_score", value=value, create_time_ms=at_ms, **more)
        return str(mlflow.log_assessment(trace_id=trace_id, assessment=said).assessment_id)

    def read(self) -> tuple[list[list[float]], list[str]]:
        """The outcomes of each call in order, and the days that were read from MLflow."""
        config = TracesConfig(access=TraceAccess.API, source="traces")
        (source,) = self._store.sources(config, outcomes=["outcome_score"], page_size=2)
        payloads, days = source.payloads, []

        def read(program: str, window: Window, *, known: Any = None) -> Iterator[Any]:
            days.extend(f"{WEEK.start + n * DAY:%a}" for n in range((window.end - window.start) // DAY))
            days[-1] = f"{window.end - DAY:%a}"
            yield from type(source).read(source, program, window, known=known)

        source.read = read
        source.payloads = lambda ids: self.fetched.extend(ids) or payloads(ids)
        tables = list(read_new(source, "P", WEEK, cache=self.cache, settled=30 * DAY, now=LONG_AFTER))
        rows = [row for table in tables for row in table.to_pylist()]
        assert all(row["inputs"] for row in rows if row["outcomes"])
        return [[one["value"] for one in row["outcomes"]] for row in rows], days


@pytest.mark.usefixtures("fluent")
def test_outcomes_that_change_places_in_a_settled_day_are_noticed_by_the_api(ledger: Ledger) -> None:
    import mlflow

    ids = [log_trace(ledger.experiment, at=MONDAY + n * DAY) for n in (0, 1, 1.5, 2)]
    said = [ledger.say(trace_id, value) for trace_id, value in zip(ids, (1.0, 0.0, 1.0, 1.0), strict=True)]
    assert ledger.read()[0] == [[1], [0], [1], [1]]
    assert ledger.read() == ([[1], [0], [1], [1]], [])
    for number in (1, 2):
        mlflow.delete_assessment(trace_id=ids[number], assessment_id=said[number])
    ledger.say(ids[1], 1.0)
    ledger.say(ids[2], 0.0)
    ledger.fetched.clear()
    assert ledger.read() == ([[1], [1], [0], [1]], ["Tue"])
    assert ledger.fetched == []  # what was said changed, not the calls
    assert ledger.read()[1] == []


@pytest.mark.usefixtures("fluent")
def test_by_the_api_whatever_changes_in_a_settled_day_is_noticed(ledger: Ledger) -> None:
    session = {"mlflow.trace.session": "S"}
    first = log_trace(ledger.experiment, at=MONDAY, feedback=(1.0,))
    later = log_trace(ledger.experiment, at=MONDAY + 3 * DAY, feedback=(1.0,))
    ledger.read()
    ledger.client.set_trace_tag(later, "group", "late")
    assert ledger.read()[1] == ["Thu"]
    ledger.client.delete_traces(ledger.experiment, trace_ids=[later])
    later = log_trace(ledger.experiment, at=MONDAY + 3 * DAY, feedback=(0.0,))
    assert ledger.read() == ([[1], [0]], ["Thu"])
    ledger.say(first, 0.5, metadata=session)
    assert ledger.read()[1] == ["Mon"]  # it is of no session, so no other day changes
    ledger.say(later, 0.5, rationale="it came late")
    assert ledger.read()[1] == ["Thu"]
    assert ledger.read()[1] == []


@pytest.mark.usefixtures("fluent")
def test_feedback_on_a_session_of_the_day_before_is_noticed_by_the_api(ledger: Ledger) -> None:
    import mlflow

    def call(at: datetime) -> str:
        nanoseconds = round(at.timestamp()) * 10**9
        span = mlflow.start_span_no_context(
            "P",
            inputs={"question": "why"},
            tags={"dspy_program_name": "P"},
            metadata={"mlflow.trace.session": "S"},
            experiment_id=ledger.experiment,
            start_time_ns=nanoseconds,
        )
        span.set_outputs({"answer": "because"})
        span.end(end_time_ns=nanoseconds + 1000)
        return str(span.trace_id)

    before, _ = call(MONDAY - timedelta(hours=1)), call(MONDAY + timedelta(hours=1))
    assert ledger.read()[0] == [[]]
    ledger.say(before, 1.0, metadata={"mlflow.trace.session": "S"})
    assert ledger.read()[0] == [[1]]
    assert ledger.read() == ([[1]], [])


def test_runs_that_exchange_outcomes_in_a_settled_day_are_found_within_a_week(shop: Shop) -> None:
    """MLflow's API tells of a run nothing without the rest of it."""
    from teleprompt.traces._incremental import SEEN_ANEW_AFTER

    ids = [shop.log(0, metrics={"outcome_score": value}) for value in (0.0, 1.0)]
    shop.read()
    for run, value in zip(ids, (1.0, 0.0), strict=True):
        shop.client.log_metric(run, "outcome_score", value, timestamp=WEEK.end_ms, step=1)
    at_once = shop.read(now=LONG_AFTER + DAY)[1]
    assert at_once == (["Mon"] if shop.access is TraceAccess.SQL else [])
    in_a_week = shop.read(now=LONG_AFTER + SEEN_ANEW_AFTER)[1]
    assert in_a_week == ([] if shop.access is TraceAccess.SQL else ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    assert timedelta(days=7) == SEEN_ANEW_AFTER
    assert shop.read(now=LONG_AFTER + SEEN_ANEW_AFTER)[1] == []

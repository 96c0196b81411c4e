"""Windows without enough traces, written down for people."""

from teleprompt.config.settings import Settings
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.skipped_windows import forget_skipped, list_skipped, write_skipped
from teleprompt.window import Window
from tests.support import WEEK

NEXT = Window(start=WEEK.end, end=WEEK.end + (WEEK.end - WEEK.start))


def test_a_window_is_listed_once_with_its_last_reason_until_it_has_enough(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        assert list_skipped(client, "P") == []
        write_skipped(client, program="P", window=WEEK, dag_run_id="backfill__1", why="0 < 10")
        write_skipped(client, program="P", window=NEXT, dag_run_id="scheduled__1", why="1 < 10")
        write_skipped(client, program="P", window=WEEK, dag_run_id="backfill__2", why="2 < 10")
        assert [(found.dag_run_id, found.why) for found in list_skipped(client, "P")] == [
            ("scheduled__1", "1 < 10"),
            ("backfill__2", "2 < 10"),
        ]
        assert list_runs(client, program="P") == []  # none of the pipeline's own: their traces still wait
        forget_skipped(client, program="P", window=WEEK)
        assert [found.dag_run_id for found in list_skipped(client, "P")] == ["scheduled__1"]

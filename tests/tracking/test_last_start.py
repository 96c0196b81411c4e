"""When runs began and how far they reached, also of those that no Airflow made."""

from datetime import UTC, datetime, timedelta

from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.last_start import last_start, newest_window_end
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window
from tests.support import WEEK

LATER = datetime.now(UTC) + timedelta(days=1)


def test_a_run_that_began_in_the_future_keeps_none_waiting(settings: Settings) -> None:
    """A clock was put back since."""
    with mlflow_client(settings.tracking_uri) as client:
        PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint="0" * 64))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        assert last_start(client, "Shelves", besides="r", now=yesterday) is None


def test_runs_without_airflow_count_and_backfills_do_not(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:

        def run(number: int, **tags: str) -> PipelineRun:
            shift = timedelta(days=7 * number)
            window = Window(start=WEEK.start + shift, end=WEEK.end + shift)
            own = PipelineRun.open(client, RunKey(program="Shelves", window=window, fingerprint="0" * 64))
            own.tag(**tags)
            return own

        assert (last_start(client, "Shelves", besides="r", now=LATER), newest_window_end(client, "Shelves")) == (
            None,
            None,
        )
        by_hand = run(1)
        run(0, dag_run_id="b", run_type="backfill")
        run(-1, dag_run_id="r", run_type="scheduled")
        began = client.get_run(by_hand.run_id).info.start_time
        assert last_start(client, "Shelves", besides="r", now=LATER) == datetime.fromtimestamp(began / 1000, tz=UTC)
        assert newest_window_end(client, "Shelves") == WEEK.end + timedelta(days=7)

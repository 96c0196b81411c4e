"""A run by Airflow's own task runner that fails for want of traces, in a home of its own; a process of its own."""

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.sdk.execution_time.sentry import Sentry
from airflow.utils.db import initdb

from teleprompt.window import format_utc
from tests import REPOSITORY
from tests.support import WEEK


def main() -> None:
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    window = {"window_start": format_utc(WEEK.start), "window_end": format_utc(WEEK.end)}
    bag.dags["teleprompt_shelves"].test(run_conf=window)
    Sentry.flush()


if __name__ == "__main__":
    main()

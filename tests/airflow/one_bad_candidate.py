"""A run of a program's DAG by Airflow's own task runner in which the task of one candidate fails; a process of its own.

Prints the state of the run and of each of its tasks as JSON.
"""

import json

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.db import initdb

from teleprompt.window import format_utc
from teleprompt_airflow.operators.compile import CompileOperator
from tests import REPOSITORY
from tests.support import WEEK

BAD_SEED = -2


def main() -> None:
    compile_ = CompileOperator.run_stage

    def fails_for_one(self, pipeline):
        if self.seed == BAD_SEED:
            raise AirflowFailException("This candidate's worker went away for good.")
        return compile_(self, pipeline)

    CompileOperator.run_stage = fails_for_one
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    window = {"window_start": format_utc(WEEK.start), "window_end": format_utc(WEEK.end)}
    run = bag.dags["teleprompt_shelves"].test(run_conf=window)
    tasks = {f"{task.task_id} {task.map_index}": str(task.state) for task in run.get_task_instances()}
    print(json.dumps({"run": str(run.state), "tasks": tasks}))


if __name__ == "__main__":
    main()

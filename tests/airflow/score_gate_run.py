"""A run of the DAG in the file that is named by Airflow's own task runner; a process of its own.

Prints the state of each task, and what the gate returned, as JSON.
"""

import json
import sys
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.utils.db import initdb


def main(file: Path) -> None:
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(file), bundle_path=file.parent, bundle_name="dags-folder")
    assert bag.import_errors == {}
    sync_bag_to_db(bag, "dags-folder", None)
    (dag,) = bag.dags.values()
    run = dag.test()
    tasks = {task.task_id: task for task in run.get_task_instances()}
    states = {name: str(task.state) for name, task in tasks.items()}
    print(json.dumps({"tasks": states, "gate": tasks["gate"].xcom_pull(task_ids="gate")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

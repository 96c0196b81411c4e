"""One Airflow DAG per file in include/programs; see docs/programs.md."""

from teleprompt.config.settings import Settings
from teleprompt_airflow.program_dag import program_dags

for dag in program_dags(Settings().programs_dir):
    globals()[dag.dag_id] = dag

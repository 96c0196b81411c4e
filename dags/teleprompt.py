"""One Airflow DAG per file in include/programs; see docs/programs.md."""

from teleprompt_airflow import program_dags

for dag in program_dags():
    globals()[dag.dag_id] = dag

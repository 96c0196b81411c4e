"""The DAG that looks after the storage; see docs/maintenance.md."""

from teleprompt_airflow.maintenance_dag import maintenance_dag

dag = maintenance_dag()

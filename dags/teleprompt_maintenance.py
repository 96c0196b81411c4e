"""The DAG that looks after the storage; see docs/maintenance.md."""

from teleprompt_airflow import maintenance_dag

dag = maintenance_dag()

"""The DAG that reports on all programs once a week; see docs/reports.md."""

from teleprompt_airflow import report_dag

dag = report_dag()

"""Shared code of the Airflow project: the domain library and the users' programs."""

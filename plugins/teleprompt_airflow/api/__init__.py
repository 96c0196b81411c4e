"""The REST API inside Airflow's API server."""

"""From Airflow connections to the domain's settings."""

"""Telling people: any Airflow notifier, and a signed webhook."""

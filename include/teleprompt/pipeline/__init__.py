"""The stages of one run in their order, without Airflow, each done once per idempotency key."""

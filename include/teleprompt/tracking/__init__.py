"""MLflow as the system of record: connecting to it, and the one run that a pipeline run keeps there."""

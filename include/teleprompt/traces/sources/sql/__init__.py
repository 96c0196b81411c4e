"""The fast path: MLflow's own tables, read-only, straight into Arrow."""

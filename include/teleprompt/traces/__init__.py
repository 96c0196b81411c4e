"""From MLflow to an immutable, digest-named snapshot of a window's traces."""

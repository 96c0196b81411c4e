"""Traces that somebody hands in: checked row by row, kept on disk, then written to MLflow."""

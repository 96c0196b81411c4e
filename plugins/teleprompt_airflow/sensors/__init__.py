"""What a DAG run waits for."""

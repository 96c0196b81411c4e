"""The DAGs: one per program file, and one that looks after the storage."""

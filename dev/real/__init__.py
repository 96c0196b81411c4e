"""`make run-real`: the same pipeline on real texts, answered by a real small model on this machine's cores."""

"""Where logged calls lie in MLflow, and the ways to read them: the same rows whichever is taken."""

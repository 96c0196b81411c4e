"""Serving a program: which version answers, the program itself, and its calls in MLflow."""

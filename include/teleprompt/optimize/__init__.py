"""Compiling candidates with DSPy optimizers and choosing the best one."""

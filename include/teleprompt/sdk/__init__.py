"""The classes of the specification: the pipeline for notebooks and scripts."""

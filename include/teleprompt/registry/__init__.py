"""Program versions in the MLflow model registry: the baseline, the champion, and how they descend."""

from pathlib import Path


def served_program_file() -> Path:
    """The file that MLflow copies into each version and runs to serve it."""
    return Path(__file__).with_name("served_program.py")


def importing_file() -> Path:
    """The module by which that file imports the program."""
    return Path(__file__).parent.with_name("program") / "importing.py"

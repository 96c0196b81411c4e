"""Program versions in the MLflow model registry: the baseline, the champion, and how they descend."""

from pathlib import Path


def served_program_file() -> Path:
    """The file that MLflow copies into each version and runs to serve it."""
    return Path(__file__).with_name("served_program.py")


def served_with() -> dict[str, Path]:
    """The modules by which that file imports the program and reads its state, by the names of their artifacts."""
    package = Path(__file__).parents[1]
    return {"importing": package / "program/importing.py", "composition": package / "strategies/composition.py"}

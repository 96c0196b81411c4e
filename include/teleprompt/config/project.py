"""The project that the package works for: the folder whose program files it reads. Never looked up from the package."""

import os
from pathlib import Path

PROGRAMS = Path("include/programs")
"""Where a project's program files lie, as Astro lays projects out."""


def project_dir() -> Path:
    """`TELEPROMPT_PROJECT_DIR`, else `AIRFLOW_HOME`, else the nearest folder from here upwards that holds programs.

    Where there is none of these, the current directory.
    """
    for variable in ("TELEPROMPT_PROJECT_DIR", "AIRFLOW_HOME"):
        if named := os.environ.get(variable):
            return Path(named).expanduser().resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / PROGRAMS).is_dir()), here)

"""Running the project on one machine: the local stack, the synthetic traffic, the main job. Not deployed."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["TELEPROMPT_PROJECT_DIR"] = str(REPOSITORY)  # wherever else an Airflow home of this machine lies

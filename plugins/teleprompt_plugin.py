"""Registers the package with Airflow. Loaded in every Airflow process, so it imports nothing heavy."""

from airflow.sdk.plugins_manager import AirflowPlugin


class TelepromptPlugin(AirflowPlugin):
    """Operators, sensor and triggers need no registration; they are imported by name."""

    name = "teleprompt"

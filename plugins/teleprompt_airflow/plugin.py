"""Registers pages, REST API and listener with Airflow. Loaded in every Airflow process, so it imports nothing heavy."""

from functools import cached_property
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from teleprompt_airflow import listener


class TelepromptPlugin(AirflowPlugin):
    """The REST API, the pages, the listener. All else needs no registration; it is imported by name."""

    name = "teleprompt"
    listeners = [listener]  # noqa: RUF012 - as Airflow's base class has it
    external_views = [  # noqa: RUF012 - as Airflow's base class has it
        {"name": "Teleprompt", "href": "teleprompt/ui/", "destination": "nav", "url_route": "teleprompt"}
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # only the API server asks for it
        """The API and the pages; their import would cost every task process a second."""
        from teleprompt_airflow.api.app import PREFIX, create_api
        from teleprompt_airflow.ui.app import PREFIX as PAGES
        from teleprompt_airflow.ui.app import create_pages

        return [
            {"app": create_api(), "url_prefix": PREFIX, "name": "Teleprompt API"},
            {"app": create_pages(), "url_prefix": PAGES, "name": "Teleprompt pages"},
        ]

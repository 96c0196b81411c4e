"""The assets of a program, by which DAGs start each other."""

from airflow.sdk import Asset, AssetWatcher


def traces_asset(program: str, watchers: list[AssetWatcher]) -> Asset:
    """Updated when there are new calls to learn from."""
    return Asset(name=f"{program}_traces", uri=f"teleprompt://traces/{program}", watchers=watchers)


def version_asset(program: str) -> Asset:
    """Updated when a version was promoted and attested."""
    return Asset(name=f"{program}_version", uri=f"teleprompt://versions/{program}")


def ended_asset(program: str) -> Asset:
    """Updated when a run is over, whatever it decided; the events say how far it reached."""
    return Asset(name=f"{program}_ended", uri=f"teleprompt://ended/{program}")

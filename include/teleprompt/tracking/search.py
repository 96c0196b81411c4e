"""Searching MLflow: page after page, and for the package's own runs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from teleprompt.tracking.pipeline_run import INTERNAL_TAG, WINDOW_END_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.entities import PagedList


T = TypeVar("T")

PAGE = 1000
NEWEST_FIRST = ["attributes.start_time DESC", "attributes.run_id ASC"]
"""For people. What is decided by an order has one of its own: clocks are put back."""
NEWEST_WINDOW_FIRST = [f"tags.`{WINDOW_END_TAG}` DESC", *NEWEST_FIRST]
"""By what the runs are about, whenever they were made."""


def all_pages(search: "Callable[[str | None], PagedList[T]]") -> Iterator[T]:
    """Everything that `search` finds; it is given the token of the page that it is to return, None for the first."""
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def own_experiment_ids(client: "MlflowClient") -> list[str]:
    """Of the active experiments that the package keeps its runs in."""
    from mlflow.entities import ViewType

    return _own_experiment_ids(client, ViewType.ACTIVE_ONLY)


def own_experiment_ids_ever(client: "MlflowClient") -> list[str]:
    """Of those too that were deleted: what counts over a year does so whatever became of its experiment."""
    from mlflow.entities import ViewType

    return _own_experiment_ids(client, ViewType.ALL)


def _own_experiment_ids(client: "MlflowClient", view: int) -> list[str]:
    condition = f"tags.`{INTERNAL_TAG}` = 'true'"
    found = all_pages(
        lambda token: client.search_experiments(
            view_type=view, filter_string=condition, max_results=PAGE, page_token=token
        )
    )
    return [experiment.experiment_id for experiment in found]


def search_own_runs(
    client: "MlflowClient",
    condition: str,
    *,
    limit: int | None = None,
    page: int = PAGE,
    order_by: Sequence[str] = NEWEST_FIRST,
) -> "Iterator[Run]":
    """The package's runs that meet a condition in MLflow's filter language, newest first; at most `limit`."""
    experiments = own_experiment_ids(client)
    if not experiments:
        return iter(())
    size = page if limit is None else min(limit, page)
    found = all_pages(
        lambda token: client.search_runs(
            experiments, condition, max_results=size, order_by=list(order_by), page_token=token
        )
    )
    return islice(found, limit)

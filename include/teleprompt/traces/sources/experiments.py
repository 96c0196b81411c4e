"""Which MLflow experiments hold production calls."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from teleprompt.errors import ConfigurationError
from teleprompt.tracking.pipeline_run import INTERNAL_TAG
from teleprompt.tracking.search import all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient


def production_experiments(client: "MlflowClient", names: Sequence[str]) -> list[str]:
    """Ids of the experiments `names`; of every active one but the package's own when `names` is empty.

    Raises:
        ConfigurationError: an experiment does not exist.
    """
    if not names:
        active = all_pages(lambda token: client.search_experiments(page_token=token))
        return [experiment.experiment_id for experiment in active if INTERNAL_TAG not in experiment.tags]
    ids = []
    for name in names:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            raise ConfigurationError(
                f"MLflow has no experiment {name!r}; correct `traces.experiments` or log traces there first."
            )
        ids.append(experiment.experiment_id)
    return ids

"""Which MLflow experiments hold production calls."""

from collections.abc import Sequence
from typing import Any

from include.teleprompt.errors import ConfigurationError
from include.teleprompt.tracking.pipeline_run import INTERNAL_TAG


def production_experiments(client: Any, names: Sequence[str]) -> list[str]:
    """Ids of the experiments `names`; of every active one but the package's own when `names` is empty.

    Raises:
        ConfigurationError: an experiment does not exist.
    """
    if not names:
        experiments, token = [], None
        while True:
            page = client.search_experiments(page_token=token)
            experiments += [e.experiment_id for e in page if e.tags.get(INTERNAL_TAG) != "true"]
            token = page.token
            if not token:
                return experiments
    ids = []
    for name in names:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            raise ConfigurationError(
                f"MLflow has no experiment {name!r}; correct `traces.experiments` or log traces there first."
            )
        ids.append(experiment.experiment_id)
    return ids

"""What a program's runs took of language models, for what further ones will."""

from typing import TYPE_CHECKING, NamedTuple

from teleprompt.lm.stage_spend import StageSpend, spend_by_stage
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import KEY_TAG, WINDOW_END_TAG
from teleprompt.tracking.search import search_own_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient


class RunSpend(NamedTuple):
    """What a run took of language models."""

    window: str
    is_compared: bool
    """Whether it came to a comparison."""
    spend: dict[str, StageSpend]
    """By stage."""


def list_spends(client: "MlflowClient", program: str) -> list[RunSpend]:
    """What all runs of a program took, newest first; none of their records is read."""
    condition = f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    return [
        RunSpend(
            window=f"{run.data.tags['teleprompt.window_start']}/{run.data.tags[WINDOW_END_TAG]}",
            is_compared="n_gate" in run.data.metrics,
            spend=spend_by_stage(run.data.metrics),
        )
        for run in search_own_runs(client, condition)
    ]

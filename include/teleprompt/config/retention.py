"""How long what is not evidence is kept."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _not_one_day(days: int) -> int:
    if days == 1:
        raise ValueError("a file that is needed again is made young once a day; keep it for two days, or 0 for good")
    return days


Days = Annotated[int, Field(ge=0), AfterValidator(_not_one_day)]


class RetentionConfig(BaseModel):
    """Days by kind, counted from when a file was last written or needed again; 0 keeps it for good.

    Whatever the days say, nothing goes that an attestation, a registered version, a look or a running run refers to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshots_days: Days = 90
    """Rows of snapshots; also the manifests of those that no run in MLflow names any more."""
    candidates_days: Days = 90
    """States of programs that were not registered."""
    comparisons_days: Days = 365
    """Scores of both answers to each example of a gate."""
    scores_days: Days = 90
    """Scores that are kept so that no answer is asked for twice."""
    bootstraps_days: Days = 90
    """Demonstrations that bootstrapping made, kept so that a later window does not make them again."""
    checkpoints_days: Days = 30
    """Answers of language models that an interrupted run goes on from."""
    read_traces_days: Days = 90
    """Days of traces that were read, kept so that only new ones are read."""
    rejected_days: Days = 90
    """Submitted traces that MLflow refused and that were set aside in the spool."""
    leftovers_days: Days = 7
    """Half-written files of processes that died."""
    dry_run: bool = True
    """Whether the DAG only says what it would delete."""

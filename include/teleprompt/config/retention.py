"""How long what is not evidence is kept."""

from pydantic import BaseModel, ConfigDict, Field


class RetentionConfig(BaseModel):
    """Days by kind, counted from when a file was last written or needed again; 0 keeps it for good.

    Whatever the days say, nothing goes that an attestation, a registered version, a look or a running run refers to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshots_days: int = Field(90, ge=0)
    """Rows of snapshots; also the manifests of those that no run in MLflow names any more."""
    candidates_days: int = Field(90, ge=0)
    """States of programs that were not registered."""
    comparisons_days: int = Field(365, ge=0)
    """Scores of both answers to each example of a gate."""
    scores_days: int = Field(90, ge=0)
    """Scores that are kept so that no answer is asked for twice."""
    checkpoints_days: int = Field(30, ge=0)
    """Answers of language models that an interrupted run goes on from."""
    read_traces_days: int = Field(90, ge=0)
    """Days of traces that were read, kept so that only new ones are read."""
    rejected_days: int = Field(90, ge=0)
    """Submitted traces that MLflow refused and that were set aside in the spool."""
    leftovers_days: int = Field(7, ge=0)
    """Half-written files of processes that died."""
    dry_run: bool = True
    """Whether the DAG only says what it would delete."""

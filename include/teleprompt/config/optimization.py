"""How a program is optimised: the documents' `OptimizationConfig`."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class OptimizationStrategy(StrEnum):
    """The DSPy optimizers that a program file can name."""

    BOOTSTRAP_FEWSHOT = "bootstrap_fewshot"
    BOOTSTRAP_FEWSHOT_RANDOM = "bootstrap_fewshot_random"


class OptimizationConfig(BaseModel):
    """Sizes, limits and the strategy of one optimisation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    strategy: OptimizationStrategy = OptimizationStrategy.BOOTSTRAP_FEWSHOT
    """`bootstrap_fewshot` compiles one candidate; `bootstrap_fewshot_random` one per seed."""
    min_traces: int = Field(1000, ge=1)
    """Fewest usable traces in the window for a run to go on."""
    max_traces: int = Field(100_000, ge=1)
    """Most traces to use; of more, an evenly spaced sample in time is kept."""
    min_quality_score: float = Field(0.7, ge=0, le=1)
    """Outcome score from which an output counts as a good one to learn from and to agree with."""
    optimization_rounds: int = Field(3, ge=1, le=100)
    """How often bootstrapping may try each training example (DSPy's `max_rounds`)."""
    timeout_seconds: float = Field(7200, gt=0, le=30 * 86_400)
    """Time limit of compiling one candidate."""
    enable_deltaone_check: bool = True
    """Compare with the running program on sealed examples; without it nothing is ever promoted."""
    deltaone_threshold: float = Field(0.01, gt=0, lt=1)
    """Smallest improvement that counts, in score (0.01 is one percentage point)."""
    batch_size: int = Field(5000, ge=1, le=50_000)
    """Traces fetched from MLflow at a time."""
    num_candidates: int = Field(10, ge=1, le=100)
    """Shuffled candidates of the random search, beside its three unshuffled ones."""
    max_bootstrapped_demos: int = Field(4, ge=0)
    """Demonstrations made by running the program itself."""
    max_labeled_demos: int = Field(16, ge=0)
    """Demonstrations taken from the traces."""

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.min_traces > self.max_traces:
            raise ValueError(f"min_traces {self.min_traces} is above max_traces {self.max_traces}")
        return self

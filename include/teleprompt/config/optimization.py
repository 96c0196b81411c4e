"""How a program is optimised: the specification's `OptimizationConfig`."""

from enum import StrEnum
from typing import Any, Self

from pydantic import ConfigDict, Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from teleprompt.config._section import Section
from teleprompt.config.budget import BudgetConfig
from teleprompt.config.curation import CATEGORY
from teleprompt.strategies import OptimizationStrategy, strategy_of
from teleprompt.strategies.strategy import Options

__all__ = ["OptimizationConfig", "OptimizationStrategy", "SampleWeight", "SelectionConfig", "StartFrom"]


class StartFrom(StrEnum):
    """The program that a strategy begins with."""

    BASELINE = "baseline"
    CHAMPION = "champion"


class SampleWeight(StrEnum):
    """What decides how likely an example is to be taken first."""

    NONE = "none"
    OUTCOME = "outcome"


class SelectionConfig(Section):
    """How the best candidate is found."""

    racing: bool = True
    """Score in rungs of growing size, and drop what the evidence says will not win; else score all on everything."""
    first_rung: int = Field(32, ge=4)
    """Examples that every candidate is scored on; each rung doubles them."""
    keep_above: float = Field(0.05, gt=0, lt=0.5)
    """A candidate goes on while the probability that it is the best is at least this."""


def _options_of_each_strategy(schema: dict[str, Any]) -> None:
    """In the JSON Schema the strategy decides what `options` may hold."""
    default = schema["properties"]["strategy"]["default"]
    rules = []
    for name in OptimizationStrategy:
        named: dict[str, Any] = {"properties": {"strategy": {"const": name.value}}}
        if name.value != default:
            named["required"] = ["strategy"]
        options = strategy_of(name).options.model_json_schema()
        rules.append({"if": named, "then": {"properties": {"options": options}}})
    schema["allOf"] = rules


class OptimizationConfig(Section):
    """Sizes, limits and the strategy of one optimisation."""

    model_config = ConfigDict(json_schema_extra=_options_of_each_strategy)

    strategy: OptimizationStrategy = OptimizationStrategy.BOOTSTRAP_FEWSHOT
    """The DSPy optimizer; docs/strategies.md says which one when."""
    options: SerializeAsAny[Options] = Field(default_factory=dict, validate_default=True)
    """The strategy's own options."""
    start_from: StartFrom = StartFrom.BASELINE
    """Begin with the program as written, or with the champion's instructions and demonstrations."""
    reuse_bootstraps: bool = True
    """Take what bootstrapping made of a training example in an earlier window, where program, model and metric are the
    same, instead of running the program on it again."""
    min_traces: int = Field(1000, ge=1)
    """Fewest usable traces in the window for a run to go on."""
    max_traces: int = Field(100_000, ge=1)
    """Most traces to use; of more, an evenly spaced sample in time is kept."""
    stratify_by: str | None = Field(None, pattern=CATEGORY)
    """Keep the mix of this in the sample of `max_traces`, in a split by numbers, and among drawn demonstrations, there
    instead of the mix of contributors: `contributor`, `group`, `input.<name>`, `output.<name>`, or `outcome`: fifths of
    the first metric, by which demonstrations do not go. A split by shares goes by hash, and keeps it on average."""
    min_quality_score: float = Field(0.7, ge=0, le=1)
    """Outcome score from which an output counts as a good one to learn from and to agree with."""
    sample_weight: SampleWeight = SampleWeight.OUTCOME
    """`outcome`: good examples are drawn as demonstrations with a weight of 100**((score - q) / (1 - q)), q the
    `min_quality_score`, each contributor's in his share; `none`: as the strategy takes them."""
    optimization_rounds: int = Field(3, ge=1, le=100)
    """How often bootstrapping may try each training example (DSPy's `max_rounds`); COPRO's depth."""
    timeout_seconds: float = Field(7200, gt=0, le=30 * 86_400)
    """Time limit of compiling, all candidates together; choosing among them may take as long again."""
    candidate_timeout_seconds: float | None = Field(None, gt=0, le=30 * 86_400)
    """Time limit of compiling one candidate; None: what is left of `timeout_seconds`."""
    enable_deltaone_check: bool = True
    """Compare with the running program on sealed examples; without it nothing is ever promoted."""
    deltaone_threshold: float = Field(0.01, gt=0, lt=1)
    """Smallest improvement that counts, in score (0.01 is one percentage point)."""
    batch_size: int = Field(5000, ge=1, le=50_000)
    """Traces fetched from MLflow at a time."""
    num_candidates: int = Field(10, ge=1, le=100)
    """Shuffled candidates of the random search, beside its three unshuffled ones."""
    budget: BudgetConfig = BudgetConfig()
    selection: SelectionConfig = SelectionConfig()
    max_prompt_characters: int | None = Field(None, ge=1)
    """Longest prompt of a candidate (instructions, fields and demonstrations); a longer one is invalid."""
    max_copied_characters: int | None = Field(None, ge=0)
    """Most characters of a candidate's instructions that stand word for word in training texts, in passages of at least
    40; with more it is invalid. Demonstrations are training texts and do not count."""
    max_error_rate: float = Field(0.1, ge=0, lt=1)
    """Share of failed answers (or metric errors) above which a candidate is invalid."""
    max_failed_candidates: float = Field(0.5, ge=0, lt=1)
    """Share of the candidates that may fail to compile; the others race. With more, the run fails."""

    @field_validator("options", mode="before")
    @classmethod
    def _options_of_the_strategy(cls, value: object, info: ValidationInfo) -> object:
        if "strategy" not in info.data:  # its own error is enough
            return Options()
        model = strategy_of(info.data["strategy"]).options
        return value if isinstance(value, model) else model.model_validate(value)

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.min_traces > self.max_traces:
            raise ValueError(f"min_traces {self.min_traces} is above max_traces {self.max_traces}")
        if self.budget.max_calls is not None and self.budget.max_calls < 2 * len(self.seeds):
            raise ValueError(f"budget.max_calls {self.budget.max_calls} is too little for {len(self.seeds)} candidates")
        return self

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that the strategy compiles, one candidate each."""
        return tuple(strategy_of(self.strategy).seeds(self.options, self.num_candidates))

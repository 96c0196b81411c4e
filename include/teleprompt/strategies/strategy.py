"""What a strategy is: its options, what it needs, its seeds, and how one seed becomes a program."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from teleprompt.strategies._order import interleaved, permanent_numbers, weighted_order


class Options(BaseModel):
    """Base of a strategy's options; closed to those of other strategies."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SeededOptions(Options):
    """Options of a strategy that is a search with chance in it."""

    seeds: int = Field(1, ge=1, le=16)
    """Independent searches; each is a mapped task and gives a candidate."""


O = TypeVar("O", bound=Options)  # noqa: E741 - the options


@dataclass(frozen=True)
class Teaching:
    """What a strategy is given to compile one candidate."""

    student: Any
    """The `dspy.Module` to start from, not marked as compiled."""
    teacher: Any
    """Makes demonstrations for it where a strategy bootstraps; None: the student itself."""
    examples: Sequence[Any]
    """Good examples of the train part; select and gate never come here."""
    metric: Callable[..., Any]
    """`metric(example, prediction, trace=None)`, in [0, 1]."""
    feedback_metric: Callable[..., Any]
    """The same with five arguments, giving `dspy.Prediction(score=…, feedback=…)` (GEPA's convention)."""
    good_from: float
    """Score from which an answer is good enough to be a demonstration."""
    rounds: int
    """The documents' `optimization_rounds`."""
    num_candidates: int
    """The documents' `num_candidates`."""
    seed: int
    task_model: Any
    prompt_model: Any
    """Writes and criticises instructions; may be the task model."""
    num_threads: int
    nearly_spent: Callable[[], bool]
    """Whether time or budget are nearly used up, for optimizers that can end by themselves."""
    weights: Sequence[float] | None = None
    """How much each example is worth learning from; None: all the same."""
    categories: Sequence[Hashable] | None = None
    """Of each example, for demonstrations that hold each in its share; None: as it comes."""
    names: Sequence[str] | None = None
    """What each example is called in every window; None: by its place."""

    @property
    def draws(self) -> bool:
        """Whether the examples have an order that says which of them to show."""
        return self.weights is not None or self.categories is not None

    def drawn(self, turn: int = 0) -> list[Any]:
        """The examples in the order of a lot of this seed and turn, if they are drawn; else as they are.

        An example keeps its lot from window to window, so that what was made of the first ones is of use again.
        """
        if not self.draws:
            return list(self.examples)
        names = self.names or [str(i) for i in range(len(self.examples))]
        numbers = permanent_numbers(names, f"{self.seed}|{turn}")
        order = weighted_order(self.weights or [1.0] * len(self.examples), numbers)
        if self.categories is not None:
            order = interleaved(order, self.categories)
        return [self.examples[i] for i in order]

    def showing_first(self, program: Any, drawn: Sequence[Any]) -> Any:
        """`program` with the first of the `drawn` examples, where DSPy filled up by chance; as it is if none are drawn.

        What the program made itself stays, and is not shown twice.
        """
        if self.draws:
            for predictor in program.predictors():
                made = [demo for demo in predictor.demos if "augmented" in demo]
                asked = [inputs_of(demo, predictor) for demo in made]
                others = [example for example in drawn if inputs_of(example, predictor) not in asked]
                predictor.demos = [*made, *others[: len(predictor.demos) - len(made)]]
        return program

    def halves(self, validation: int) -> tuple[list[Any], list[Any]]:
        """Examples to learn from, and at most `validation` of them (never over half) to compare with, evenly taken."""
        size = min(validation, len(self.examples) // 2)
        held = set(evenly(len(self.examples), size))
        learn = [example for i, example in enumerate(self.examples) if i not in held]
        return learn, [self.examples[i] for i in sorted(held)]

    def bootstrapper(self, *, max_bootstrapped_demos: int, max_labeled_demos: int) -> Any:
        """DSPy's BootstrapFewShot with what a strategy is given."""
        from dspy.teleprompt import BootstrapFewShot

        return BootstrapFewShot(
            metric=self.metric,
            metric_threshold=self.good_from,
            max_bootstrapped_demos=max_bootstrapped_demos,
            max_labeled_demos=max_labeled_demos,
            max_rounds=self.rounds,
        )

    def at_most(self, number: int) -> list[Any]:
        """That many of the examples, evenly taken."""
        return [self.examples[i] for i in evenly(len(self.examples), min(number, len(self.examples)))]


def inputs_of(demo: Any, predictor: Any) -> dict[str, Any]:
    """What a demonstration says of the predictor's inputs."""
    return {name: demo[name] for name in predictor.signature.input_fields if name in demo}


def evenly(total: int, number: int) -> list[int]:
    """`number` of the indices below `total`, evenly spaced."""
    return [i * total // number for i in range(number)]


@dataclass(frozen=True)
class Strategy(Generic[O]):
    """An optimizer that can be run seed by seed, each on a worker of its own."""

    abbreviation: str
    """Stands in version ids: `1.0.0-opt-<abbreviation>-20240115120000`."""
    options: type[O]
    compile: Callable[[Teaching, O], Any]
    """Gives a compiled `dspy.Module`."""
    seeds: Callable[[O, int], Sequence[int]]
    """The seeds, from the options and the specification's `num_candidates`; each gives one candidate."""
    least_examples: Callable[[O], int] = lambda _options: 1
    """Fewest training examples it can work with."""
    package: str | None = None
    """An optional package that it imports."""
    uses_prompt_model: bool = False
    keeps_demonstrations: bool = False
    """Whether a program goes on with the demonstrations that it had."""


def one_seed(_options: Options, _num_candidates: int) -> Sequence[int]:
    """The seeds of a strategy without chance."""
    return (0,)


def several_seeds(options: SeededOptions, _num_candidates: int) -> Sequence[int]:
    """The seeds of a search with chance in it."""
    return range(options.seeds)

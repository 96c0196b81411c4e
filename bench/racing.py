"""Racing selection against DSPy's own random search, 16 shuffled candidates each, on the same data with the same model.

Per seed a new task is drawn: short tickets of six queues, 60 to learn from, 150 to select on, 600 that nobody saw. Both
searches see the same 19 programs (DSPy's three unshuffled ones too); what differs is how the best of them is found.
"""

import argparse
import random
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.environment import configure_third_party
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import Scores, score_program
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from teleprompt.optimize.racing import race
from teleprompt.strategies import strategy_of
from teleprompt.strategies.strategy import Teaching

QUEUES = ("billing", "access", "network", "hardware", "travel", "payroll")
CANDIDATES = 16
TRAIN, SELECT, UNSEEN = 60, 150, 600


@dataclass(frozen=True)
class Compared:
    """One seed: calls, and the score of what was selected on examples that nobody saw."""

    dspy_calls: int
    our_calls: int
    dspy_score: float
    our_score: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=24)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(compare, range(arguments.seeds)))
    print(f"\nSelecting one of {CANDIDATES + 3} programs, {len(found)} seeds, {SELECT} examples to select on\n")
    print(f"{'':<34}{'calls':>9}{'score on ' + str(UNSEEN) + ' unseen':>24}")
    dspy_calls, our_calls = (
        statistics.mean(getattr(one, name) for one in found) for name in ("dspy_calls", "our_calls")
    )
    print(f"{'dspy random search':<34}{dspy_calls:>9.0f}{statistics.mean(one.dspy_score for one in found):>24.4f}")
    print(f"{'seed by seed, and a race':<34}{our_calls:>9.0f}{statistics.mean(one.our_score for one in found):>24.4f}")
    shares = sorted(one.our_calls / one.dspy_calls for one in found)
    gains = sorted(100 * (one.our_score - one.dspy_score) for one in found)
    error = statistics.stdev(gains) / len(gains) ** 0.5
    print(f"\nshare of the calls: {_spread(shares, '{:.0%}')}")
    print(f"difference in points, ours - dspy's: {_spread(gains, '{:+.2f}')}")
    print(f"mean difference {statistics.mean(gains):+.2f} +- {error:.2f} (standard error)")
    same = sum(gain == 0 for gain in gains)
    print(f"the same program or as good {same}, better {sum(g > 0 for g in gains)}, worse {sum(g < 0 for g in gains)}")


def compare(seed: int) -> Compared:
    """Both searches on one task."""
    configure_third_party()
    import dspy
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    examples = _examples(TRAIN + SELECT + UNSEEN, random.Random(seed))
    train, select, unseen = examples[:TRAIN], examples[TRAIN : TRAIN + SELECT], examples[TRAIN + SELECT :]
    student = _program()
    objective = Objective(lambda example, prediction: float(example.queue == prediction.queue))

    theirs = Meter()
    with _quietly(), dspy.context(lm=_lm(theirs), disable_history=True):
        search = BootstrapFewShotWithRandomSearch(
            objective, max_bootstrapped_demos=4, max_labeled_demos=16, num_candidate_programs=CANDIDATES, num_threads=1
        )
        chosen = search.compile(student, trainset=train, valset=select)

    ours = Meter()
    raced = _race(student, train, select, objective, ours)
    return Compared(
        theirs.spend.calls,
        ours.spend.calls,
        _mean(chosen, unseen, objective),
        _mean(raced, unseen, objective),
    )


def _race(student: Any, train: list[Any], select: list[Any], objective: Objective, meter: Meter) -> Any:
    import dspy

    lm = _lm(meter)
    config = OptimizationConfig(strategy="bootstrap_fewshot_random", num_candidates=CANDIDATES)
    programs = []
    with _quietly(), dspy.context(lm=lm, disable_history=True):
        for seed in config.seeds:
            teaching = Teaching(
                student=student,
                teacher=None,
                examples=train,
                metric=objective,
                feedback_metric=objective.with_feedback,
                good_from=1.0,
                rounds=1,
                num_candidates=CANDIDATES,
                seed=seed,
                task_model=lm,
                prompt_model=lm,
                num_threads=1,
                nearly_spent=lambda: False,
            )
            programs.append(strategy_of(config.strategy).compile(teaching, config.options))

    def score(number: int, indices: Any) -> tuple[int, ...]:
        return _scores(programs[number], [select[i] for i in indices], objective, lm).values_e6

    selection = config.selection
    result = race(len(programs), len(select), score, first_rung=selection.first_rung, keep_above=selection.keep_above)
    return programs[result.winner]


def _scores(program: Any, examples: list[Any], objective: Objective, lm: Any) -> Scores:
    return score_program(program, examples, objective, lm=lm, num_threads=1)


def _mean(program: Any, examples: list[Any], objective: Objective) -> float:
    return _scores(program, examples, objective, _lm(Meter())).mean_e6 / 1e6


def _lm(meter: Meter) -> Any:
    from teleprompt.config.settings import LMConfig

    return metered(build_lm(LMConfig()), meter, retries=0)


def _program() -> Any:
    import dspy

    class Route(dspy.Signature):
        """Send the ticket to its queue."""

        ticket: str = dspy.InputField()
        queue: Literal["billing", "access", "network", "hardware", "travel", "payroll"] = dspy.OutputField()

    return dspy.Predict(Route)


def _examples(number: int, rng: random.Random) -> list[Any]:
    """Tickets of a few words: some of the queue's three topics, many of nobody's."""
    import dspy

    words = {queue: [[f"{queue[:2]}{topic}{i}" for i in range(12)] for topic in range(3)] for queue in QUEUES}
    common = [f"word{i}" for i in range(60)]
    found = []
    for _ in range(number):
        queue = rng.choice(QUEUES)
        topic = rng.choices(words[queue], [6, 3, 1])[0]
        text = [*rng.sample(topic, 3), *rng.sample(common, 5)]
        rng.shuffle(text)
        noisy = queue if rng.random() < 0.95 else rng.choice(QUEUES)
        found.append(dspy.Example(ticket=" ".join(text), queue=noisy).with_inputs("ticket"))
    return found


def _quietly() -> Any:
    import contextlib
    import io
    import logging

    logging.getLogger("dspy").setLevel(logging.ERROR)
    return contextlib.redirect_stdout(io.StringIO())


def _spread(values: list[float], form: str) -> str:
    points = {
        "least": 0,
        "quarter": len(values) // 4,
        "median": len(values) // 2,
        "three quarters": 3 * len(values) // 4,
    }
    said = [f"{name} {form.format(values[i])}" for name, i in points.items()]
    return ", ".join([*said, f"most {form.format(values[-1])}"])


if __name__ == "__main__":
    main()

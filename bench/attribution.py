"""What spam earns by each way to divide the credit: eight contributors, one of whom cheats; her fair share is 0.125.

Tickets of six queues, 60 of each contributor. The cheat logs nine times as many beside her own, with a perfect outcome
unless it says otherwise. What one would use instead is the first column: a count of the logged calls.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from tempfile import TemporaryDirectory
from typing import Any

from teleprompt.attribution.attribute import attribute
from teleprompt.config.attribution import AttributionConfig
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.evaluate.examples import good_rows
from teleprompt.storage.blobs import put_blob
from teleprompt.traces.snapshot import read_for_credit
from teleprompt.traces.split import Part
from tests.support import FIELDS, raw_trace, write_snapshot_of

QUEUES = ("billing", "access", "network", "hardware", "travel", "payroll")
CONTRIBUTORS = 8
OWN = 60
SPAM = 9 * OWN
CHEAT = "contributor 0"
Call = tuple[str, str, str, float]
"""Contributor, question, answer, outcome."""
Calls = list[Call]

DIVISIONS: dict[str, dict[str, Any]] = {
    "each call": {"attribution": {"copies_from": None}},
    "quality": {},
    "deduplicated": {"attribution": {"method": "deduplicated_count"}},
    "cap 0.2": {"attribution": {"cap": 0.2}},
    "leave one out": {"attribution": {"method": "leave_one_out"}},
    "group Shapley": {"attribution": {"method": "group_shapley"}},
}


def ticket(rng: random.Random, queue: str) -> str:
    """A question: some words of its queue among words that all queues share."""
    own = [f"{queue}{rng.randrange(60)}" for _ in range(4)]
    words = own + [f"word{rng.randrange(400)}" for _ in range(8)]
    rng.shuffle(words)
    return " ".join(words)


def honest_calls(rng: random.Random, contributor: str, count: int) -> Iterator[Call]:
    """Questions with their right answers."""
    for _ in range(count):
        queue = rng.choice(QUEUES)
        yield contributor, ticket(rng, queue), queue, 1.0


def nothing(rng: random.Random, honest: Calls) -> Calls:
    """No attack."""
    del rng, honest
    return []


def copies(rng: random.Random, honest: Calls) -> Calls:
    """Her own calls again, nine times."""
    del rng
    return [call for call in honest if call[0] == CHEAT] * 9


def random_labels(rng: random.Random, honest: Calls) -> Calls:
    """New questions with answers drawn by lot."""
    del honest
    return [(CHEAT, ticket(rng, rng.choice(QUEUES)), rng.choice(QUEUES), 1.0) for _ in range(SPAM)]


def worthless(rng: random.Random, honest: Calls) -> Calls:
    """New questions with answers that turned out to be worth nothing."""
    del honest
    return [(CHEAT, ticket(rng, rng.choice(QUEUES)), rng.choice(QUEUES), 0.0) for _ in range(SPAM)]


def jittered(rng: random.Random, honest: Calls) -> Calls:
    """The others' calls, one word changed."""
    others = [call for call in honest if call[0] != CHEAT]
    spam = []
    for _ in range(SPAM):
        _, question, answer, outcome = rng.choice(others)
        words = question.split()
        words[rng.randrange(len(words))] = f"word{rng.randrange(400)}"
        spam.append((CHEAT, " ".join(words), answer, outcome))
    return spam


def own_jittered(rng: random.Random, honest: Calls) -> Calls:
    """Her own calls, one word changed."""
    return jittered(rng, [(f"not {CHEAT}", *call[1:]) for call in honest if call[0] == CHEAT])


def lies(rng: random.Random, honest: Calls) -> Calls:
    """New questions of one queue, each with the same wrong answer."""
    del honest
    return [(CHEAT, ticket(rng, QUEUES[0]), QUEUES[1], 1.0) for _ in range(SPAM)]


ATTACKS: dict[str, Callable[[random.Random, Calls], Calls]] = {
    "none": nothing,
    "copies of her own": copies,
    "worthless outcomes": worthless,
    "random labels": random_labels,
    "others', one word changed": jittered,
    "her own, one word changed": own_jittered,
    "one lie, again and again": lies,
}


def weights_of_the_cheat(seed: int) -> dict[tuple[str, str], float]:
    """Her weight by attack and division."""
    found = {}
    for attack, spam in ATTACKS.items():
        rng = random.Random(seed)
        honest = [call for i in range(CONTRIBUTORS) for call in honest_calls(rng, f"contributor {i}", OWN)]
        calls = honest + spam(rng, honest)
        found[attack, "calls"] = sum(call[0] == CHEAT for call in calls) / len(calls)
        for division, config in DIVISIONS.items():
            found[attack, division] = weight(calls, seed, **config)
    return found


def weight(calls: Calls, seed: int, *, attribution: dict[str, Any] | None = None, **config: Any) -> float:
    """The cheat's weight for a program that shows no demonstrations."""
    traces = [
        raw_trace(
            trace_id=f"t{i}",
            inputs={"question": question},
            outputs={"answer": answer},
            outcomes={"outcome_score": outcome},
            contributor_id=contributor,
            contributor_address=None,
        )
        for i, (contributor, question, answer, outcome) in enumerate(calls)
    ]
    with TemporaryDirectory() as folder:
        snapshot, _ = write_snapshot_of(traces, folder, fields=FIELDS, split={"seed": seed}, **config)
        program = put_blob(folder, "programs", canonical_json({"demos": []}), suffix=".json")
        credit = attribute(
            snapshot,
            program=program,
            config=AttributionConfig.model_validate(attribution or {}),
            min_quality_score=0.7,
            compared=[row.trace_id for row in good_rows(read_for_credit(snapshot)[Part.GATE], min_quality_score=0.7)],
            wallets={},
            secret="0" * 64,
        )
    return next((c.weight_e6 / 1e6 for c in credit.credits if c.contributor_id == CHEAT), 0.0)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(weights_of_the_cheat, range(arguments.seeds)))
    columns = ["calls", *DIVISIONS]
    print(f"\nWhat one of {CONTRIBUTORS} contributors earns by cheating; mean of {len(found)} seeds, fair is 0.125\n")
    print(f"{'':<28}" + "".join(f"{column:>15}" for column in columns))
    for attack in ATTACKS:
        means = [statistics.mean(one[attack, column] for one in found) for column in columns]
        print(f"{attack:<28}" + "".join(f"{mean:>15.3f}" for mean in means))


if __name__ == "__main__":
    main()

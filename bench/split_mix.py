"""How far the parts of a split by hash differ in their mix, and what quotas would change, on a week of each program.

Over many seeds of the split: the largest difference, in points, between a category's share of the gate and of all; how
often a chi-square test calls the parts different at 5 % (of a split by lot, one time in twenty); how far the gate's
mean outcome lies from the mean of all, as a standard deviation in points; and of the calls that are in two windows,
which have two thirds of their time in common, how many are in another part in the later one.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.preprocessing import raw_of
from bench.preprocessing_worlds import World, worlds
from teleprompt.config.program import ProgramConfig
from teleprompt.config.split import SplitConfig
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces._staging import stage
from teleprompt.traces.curation._strata import first_outcome, strata
from teleprompt.traces.split import Part, numbered, split
from tests.support import raw_table

A_WEEK = {"email_draft": 1080, "ticket_triage": 400, "lead_priority": 400}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    print_mix(parser.parse_args().seeds)


def print_mix(seeds: int) -> None:
    """The table over so many seeds of the split."""
    print(f"\nThe mix of the parts, {seeds} seeds of the split; in brackets by quotas of the category\n")
    print(f"{'program (calls)':<24}{'category':<22}{'largest difference':>20}{'p < 0.05':>12}", end="")
    print(f"{'gate - all':>16}{'moved':>14}", flush=True)
    for world in (world for world in worlds() if world.name == world.slug):
        _print_world(world, seeds)


def _print_world(world: World, seeds: int) -> None:
    fields = world.source.build().signature.declared.known()
    keys = ["contributor", "outcome"]
    if fields.outputs[0].json_schema and "enum" in fields.outputs[0].json_schema:
        keys.append(f"output.{fields.outputs[0].name}")
    raw = raw_of(world.calls(0, count=A_WEEK[world.slug]), seed=0)
    for key in keys:
        config = ProgramConfig.model_validate({"name": "P", "slug": "p", "optimization": {"stratify_by": key}})
        with TemporaryDirectory() as folder:
            declared = DeclaredFields.exactly(fields)
            staged = stage([raw_table(raw)], config=config, declared=declared, folder=Path(folder), now_ms=2**62)
        of, outcome, n = strata(staged.facts, key), first_outcome(staged.facts), len(staged.facts)
        sizes = {"train": round(0.4 * n), "select": round(0.2 * n), "gate": round(0.4 * n)}
        by_hash, by_quota = (
            [
                numbered(split(staged.facts, SplitConfig(seed=seed, **shares), categories=of).parts)
                for seed in range(seeds)
            ]
            for shares in ({}, sizes)
        )
        hashed = (*_found(by_hash, of, outcome), _moved(staged.facts, of, {}, seeds))
        quota = (*_found(by_quota, of, outcome), _moved(staged.facts, of, sizes, seeds))
        cells = [f"{a} ({b})" for a, b in zip(hashed, quota, strict=True)]
        print(
            f"{f'{world.slug} ({n})':<24}{key:<22}{cells[0]:>20}{cells[1]:>12}{cells[2]:>16}{cells[3]:>14}", flush=True
        )


def _found(splits: Sequence[Any], of: Any, outcome: Any) -> tuple[str, str, str]:
    import numpy as np
    from scipy.stats import chi2_contingency

    largest, differ, away = [], 0, []
    for parts in splits:
        gate = parts == list(Part).index(Part.GATE)
        shares = [abs((of[gate] == value).mean() - (of == value).mean()) for value in np.unique(of)]
        largest.append(100 * max(shares))
        counts = [
            [int(((of == value) & (parts == part)).sum()) for value in np.unique(of)] for part in range(len(Part))
        ]
        differ += chi2_contingency(counts).pvalue < 0.05
        away.append(100 * float(outcome[gate].mean() - outcome.mean()))
    return f"{statistics.mean(largest):.1f}", f"{differ / len(splits):.0%}", f"{statistics.pstdev(away):.1f}"


def _moved(facts: Any, of: Any, sizes: dict[str, int], seeds: int) -> str:
    """The share of calls in another part, of those in both of two windows; of numbers each window has its share."""
    n = len(facts)
    long = n * 3 // 4
    here = {part: size * 3 // 4 for part, size in sizes.items()}
    moved = []
    for seed in range(seeds):
        config = SplitConfig(seed=seed, **here)
        one, other = (
            numbered(split(facts.slice(first, long), config, categories=of[first : first + long]).parts)
            for first in (0, n - long)
        )
        before, after = one[n - long :], other[: 2 * long - n]
        both = (before >= 0) & (after >= 0)
        moved.append((before[both] != after[both]).mean())
    return f"{statistics.mean(moved):.0%}"


if __name__ == "__main__":
    main()

"""How much less examples tell than independent ones would, by what they may have in common."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from teleprompt.config.split import SplitConfig
from teleprompt.deltaone.paired import effective_sd
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.traces.row import TraceRow

WORTH_SAYING = 1.5
"""From here on a program file should name what examples have in common."""
FEWEST = 10
"""Of fewer groups, or examples, nothing can be told."""


def design_effects(rows: Sequence[TraceRow], answers: Sequence[ComparedAnswer]) -> dict[str, float]:
    """The design effect (Kish 1965) of the differences by contributor, group and day, where there are enough of each.

    It is the variance of the mean, if those who share it are taken together, over that of independent examples: with
    2.0 a hundred examples tell as much as fifty.
    """
    gains = {answer.trace_id: answer.change_e6 for answer in answers}
    scored = [row for row in rows if row.trace_id in gains]
    changes = [gains[row.trace_id] for row in scored]
    alone = effective_sd(changes, [row.trace_id for row in scored]) if scored else 0.0
    if not alone:
        return {}
    found = {}
    for name, keys in _keys(scored).items():
        if FEWEST <= len(set(keys)) < len(keys):
            found[name] = round((effective_sd(changes, keys) / alone) ** 2, 3)
    return found


def undeclared(effects: Mapping[str, float], split: SplitConfig) -> str | None:
    """What a program file should group by, in one sentence; None where nothing is to be said."""
    lacking = {
        name: effect for name, effect in effects.items() if effect >= WORTH_SAYING and name not in split.group_by
    }
    if not lacking:
        return None
    name, effect = max(lacking.items(), key=lambda item: item[1])
    told = f"examples of one {name} resemble each other: {effect:.1f} of them tell as much as one independent example"
    if name == "day":
        return f"{told}; compare over longer windows"
    return f"{told}; add {name} to `split.group_by`"


def _keys(rows: Sequence[TraceRow]) -> dict[str, list[str]]:
    """What each row may have in common with others; a row without a group is one of its own."""
    return {
        "contributor": [row.contributor_id for row in rows],
        "group": [row.group or row.trace_id for row in rows],
        "day": [datetime.fromtimestamp(row.started_at_ms / 1000, UTC).date().isoformat() for row in rows],
    }

"""Two programs' scores on the same examples, brought together by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION
from teleprompt.score_files.scores import MOST_SHOWN, Scores
from teleprompt.score_files.table import shown

ANOTHER_SCALE_E6 = MILLION // 100
"""A file without a score above it is taken for one on another scale, if the other file has scores above a half."""


@dataclass(frozen=True)
class Pairs:
    """Scores of both programs in the order of the ids, in millionths."""

    ids: Sequence[str]
    baseline_e6: Sequence[int]
    candidate_e6: Sequence[int]
    groups: Sequence[str] | None
    baseline_metrics_e6: Mapping[str, Sequence[int | None]]
    candidate_metrics_e6: Mapping[str, Sequence[int | None]]

    @property
    def units(self) -> int:
        """Independent observations: the groups, or the examples where there are none."""
        return len(self.ids) if self.groups is None else len(set(self.groups))


def pair(baseline: Scores, candidate: Scores) -> Pairs:
    """The examples of both files; their order in the files does not matter.

    Raises:
        ConfigurationError: it is one file, the files hold different examples, put one into different groups, or are on
            different scales.
    """
    if baseline.path.resolve() == candidate.path.resolve():
        raise ConfigurationError(
            f"{baseline.path} is given as baseline and as candidate; name the scores of two different programs."
        )
    _refuse_other_examples(baseline, candidate)
    _refuse_other_scales(baseline, candidate)
    first, second = _order(baseline), _order(candidate)
    _refuse_other_questions(baseline, candidate, first, second)
    return Pairs(
        ids=[baseline.ids[row] for row in first],
        baseline_e6=[baseline.scores_e6[row] for row in first],
        candidate_e6=[candidate.scores_e6[row] for row in second],
        groups=_groups(baseline, candidate, first, second),
        baseline_metrics_e6={name: [values[row] for row in first] for name, values in baseline.metrics_e6.items()},
        candidate_metrics_e6={name: [values[row] for row in second] for name, values in candidate.metrics_e6.items()},
    )


def _order(scores: Scores) -> list[int]:
    return sorted(range(len(scores.ids)), key=scores.ids.__getitem__)


def _refuse_other_examples(baseline: Scores, candidate: Scores) -> None:
    if baseline.id_type and candidate.id_type and baseline.id_type is not candidate.id_type:
        raise ConfigurationError(
            f"{baseline.path} has {baseline.id_type} as ids (first {baseline.ids[0]}) and {candidate.path} has "
            f"{candidate.id_type} (first {candidate.ids[0]}); write both alike."
        )
    known, others = set(baseline.ids), set(candidate.ids)
    alone = [
        f"{len(ids)} of {len(scores.ids)} in {scores.path} only (first {', '.join(map(shown, ids[:MOST_SHOWN]))})"
        for scores, other in ((baseline, others), (candidate, known))
        if (ids := [name for name in scores.ids if name not in other])
    ]
    if alone:
        raise ConfigurationError(
            f"The files do not hold the same ids: {' and '.join(alone)}; both programs have to answer all "
            f"examples, for those that one did not answer are seldom like the others{_hint(baseline, candidate)}."
        )


def _hint(baseline: Scores, candidate: Scores) -> str:
    numeric = {scores.path: all(name.isdecimal() for name in scores.ids) for scores in (baseline, candidate)}
    if numeric[baseline.path] == numeric[candidate.path]:
        return ""
    (path,) = (path for path, is_numeric in numeric.items() if is_numeric)
    return f" (the ids of {path} are numbers, the others are not)"


def _refuse_other_questions(baseline: Scores, candidate: Scores, first: Sequence[int], second: Sequence[int]) -> None:
    """An id that a tool counted out stands for another example in another version of the data."""
    if baseline.asked is None or candidate.asked is None:
        return
    rows = zip(first, second, strict=True)
    others = [baseline.ids[row] for row, other in rows if baseline.asked[row] != candidate.asked[other]]
    if others:
        raise ConfigurationError(
            f"{len(others)} of {len(first)} ids stand for another input or right answer in {candidate.path} than in "
            f"{baseline.path} (first {', '.join(map(shown, others[:MOST_SHOWN]))}); evaluate both programs on one "
            "version of the data."
        )


def _refuse_other_scales(baseline: Scores, candidate: Scores) -> None:
    """Scores up to 0.9 in one file and up to 87 in the other are not both percentages."""
    low, high = sorted((baseline, candidate), key=lambda scores: max(scores.scores_e6))
    lowest, highest = max(low.scores_e6), max(high.scores_e6)
    if 0 < lowest <= ANOTHER_SCALE_E6 and highest > MILLION // 2:
        raise ConfigurationError(
            f"The highest score of {low.path} is {100 * lowest / MILLION:g} % of the scale and that of {high.path} "
            f"{100 * highest / MILLION:g} %; bring both files to one scale."
        )


def _groups(baseline: Scores, candidate: Scores, first: Sequence[int], second: Sequence[int]) -> Sequence[str] | None:
    """A group belongs to the example: the file that names groups says them for both."""
    before = None if baseline.groups is None else [baseline.groups[row] for row in first]
    after = None if candidate.groups is None else [candidate.groups[row] for row in second]
    if before is not None and after is not None and before != after:
        row = next(i for i, (one, other) in enumerate(zip(before, after, strict=True)) if one != other)
        raise ConfigurationError(
            f"{shown(baseline.ids[first[row]])} is of group {before[row]!r} in {baseline.path} and of "
            f"{after[row]!r} in {candidate.path}; an example belongs to one group."
        )
    return before if before is not None else after

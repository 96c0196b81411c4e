"""What a comparison on sealed examples compared with, and whether that can tell better from different."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from teleprompt.config.program import ProgramConfig
from teleprompt.config.promotion import COMPARED, PromoteOn
from teleprompt.config.traces import Labels
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.records import Millionths, Record

ESTIMATED = f"{COMPARED[PromoteOn.OUTCOME]}, estimated off-policy from calls in which chance chose the answer"
MOSTLY = 0.5
"""From more than this share on, the labels are the champion's."""
ITSELF_E6 = 900_000
"""A champion that agrees with its own logs this far answers alike each time it is asked."""


class WrittenBy(StrEnum):
    """Who wrote the answer that both programs were compared with."""

    CHAMPION = "champion"
    OTHERS = "others"
    """Other versions of the program."""
    PEOPLE = "people"
    UNKNOWN = "unknown"
    """The call names no version."""


class LabelReport(Record):
    """The labels of a window's examples."""

    compared: PromoteOn
    """`agreement` with logged answers that turned out well, a proxy of the outcome, or `reference`: what people say
    should have been answered."""
    written_by: dict[str, int]
    """Examples, by who wrote their label (`WrittenBy`)."""
    champion_agrees_e6: Millionths | None
    """The champion's mean score on the labels that it wrote itself; None without one."""

    @property
    def cannot_tell(self) -> str | None:
        """Why these labels cannot tell better from different; None where they can.

        A champion that answers alike each time wrote them: it scores nearly all there is to score, and whoever answers
        otherwise, better or not, scores less.
        """
        n, own = sum(self.written_by.values()), self.written_by.get(WrittenBy.CHAMPION, 0)
        agrees = self.champion_agrees_e6
        if agrees is None or own <= MOSTLY * n or agrees < ITSELF_E6:
            return None
        return (
            f"{own} of {n} labels are the champion's own answers, with which it agrees to {agrees / 1e4:.0f} %, so a "
            "better answer that differs counts as worse; compare with what people expect (`labels: expectation`) or by "
            "a `rollout`"
        )

    @property
    def in_words(self) -> str:
        """For people."""
        if self.compared is PromoteOn.OUTCOME:
            return ESTIMATED
        writers = ", ".join(f"{count} by {_WRITERS[WrittenBy(who)]}" for who, count in self.written_by.items() if count)
        return f"{COMPARED[self.compared]} ({writers})" if writers else COMPARED[self.compared]


_WRITERS = {
    WrittenBy.CHAMPION: "the champion itself",
    WrittenBy.OTHERS: "other versions",
    WrittenBy.PEOPLE: "people",
    WrittenBy.UNKNOWN: "a version that is not named",
}


def report_on_labels(
    answers: Sequence[ComparedAnswer],
    versions: Mapping[str, str | None],
    *,
    config: ProgramConfig,
    champion: Sequence[str],
) -> LabelReport:
    """What is known of the labels of these answers.

    `versions` are those that the logged calls name, by trace id; `champion` is how a call may name the champion.
    """
    written = dict.fromkeys(WrittenBy, 0)
    own: list[int] = []
    for answer in answers:
        who = _writer(versions.get(answer.trace_id), config.traces.labels, champion)
        written[who] += 1
        if who is WrittenBy.CHAMPION:
            own.append(answer.baseline.score_e6)
    return LabelReport(
        compared=config.compares,
        written_by={who.value: count for who, count in written.items() if count},
        champion_agrees_e6=round(sum(own) / len(own)) if own else None,
    )


def _writer(version: str | None, labels: Labels, champion: Sequence[str]) -> WrittenBy:
    if labels is Labels.EXPECTATION:
        return WrittenBy.PEOPLE
    if version is None:
        return WrittenBy.UNKNOWN
    return WrittenBy.CHAMPION if version in champion else WrittenBy.OTHERS

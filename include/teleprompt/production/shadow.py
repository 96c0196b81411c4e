"""What is learnt of a challenger whose answers nobody is shown: how it would answer, how fast, and how often not.

None of it is an outcome: nobody has acted on its answers.
"""

from collections.abc import Sequence
from statistics import fmean, median

from teleprompt.records import MILLION, Millionths, Record
from teleprompt.traces.in_production import AnsweredCall

GOOD_E6 = MILLION // 2
"""From this score on, a call turned out well."""


class ShadowReport(Record):
    """A challenger beside the champion, over the champion's calls that it was asked, too."""

    asked: int
    failed: int
    """Of those; an answer that took too long is one of them."""
    compared: int
    """Calls of which both answers are known."""
    agrees_e6: Millionths | None
    """Share of these that it answers alike."""
    agrees_with_good_e6: Millionths | None
    """The same of the champion's answers that turned out well: a proxy, as agreement is."""
    agrees_with_bad_e6: Millionths | None
    latency_ms: float | None
    """Median of its answers."""
    champion_latency_ms: float | None
    """Of the champion's to the same calls."""
    tokens: float | None
    """Mean that the models used for an answer; None where they do not say."""

    @property
    def in_words(self) -> str:
        """For people; the first words say what it is not."""
        agrees = {
            "the champion": self.agrees_e6,
            "answers that turned out well": self.agrees_with_good_e6,
            "answers that did not": self.agrees_with_bad_e6,
        }
        said = [f"{value / 1e4:.0f} % with {what}" for what, value in agrees.items() if value is not None]
        parts = [f"asked beside {self.asked} calls, {self.failed} failed"]
        if said:
            parts.append(f"agrees to {', '.join(said)}")
        if self.latency_ms is not None and self.champion_latency_ms is not None:
            parts.append(f"median {self.latency_ms:.0f} ms, the champion's {self.champion_latency_ms:.0f}")
        if self.tokens is not None:
            parts.append(f"{self.tokens:.0f} tokens an answer")
        return f"in the shadow, which is no outcome: {'; '.join(parts)}"


def shadow_report(calls: Sequence[AnsweredCall], version_id: str) -> ShadowReport | None:
    """Of the calls that the version was asked beside; None where there is none."""
    beside = [(call, call.shadow) for call in calls if call.shadow is not None and call.shadow.version == version_id]
    if not beside:
        return None
    answered = [(call, shadow) for call, shadow in beside if shadow.failure is None]
    alike = [(call, call.is_shadow_alike) for call, _ in answered if call.is_shadow_alike is not None]
    good = [same for call, same in alike if call.score_e6 is not None and call.score_e6 >= GOOD_E6]
    bad = [same for call, same in alike if call.score_e6 is not None and call.score_e6 < GOOD_E6]
    times = [(call.latency_ms, shadow.latency_ms) for call, shadow in answered if call.latency_ms is not None]
    tokens = [shadow.tokens for _, shadow in answered if shadow.tokens is not None]
    return ShadowReport(
        asked=len(beside),
        failed=len(beside) - len(answered),
        compared=len(alike),
        agrees_e6=_share([same for _, same in alike]),
        agrees_with_good_e6=_share(good),
        agrees_with_bad_e6=_share(bad),
        latency_ms=median(own for _, own in times) if times else None,
        champion_latency_ms=median(before for before, _ in times) if times else None,
        tokens=fmean(tokens) if tokens else None,
    )


def _share(found: Sequence[bool]) -> int | None:
    return round(MILLION * sum(found) / len(found)) if found else None

"""How far a compile is, for people who wait for it."""

from typing import Self

from teleprompt.lm.meter import Meter
from teleprompt.records import Record, to_millionths


class Progress(Record):
    """One look at a compile that runs."""

    seed: int
    calls: int
    tokens: int
    cost_e6: int
    best_e6: int | None
    """Mean score of the best program so far, where the strategy compares programs itself."""
    seconds_left: int | None
    """Until the time limit."""

    @classmethod
    def of(cls, seed: int, meter: Meter, *, best: float | None) -> Self:
        """What `meter` says now."""
        spend, left = meter.spend, meter.seconds_left
        return cls(
            seed=seed,
            calls=spend.calls,
            tokens=spend.tokens_in + spend.tokens_out,
            cost_e6=spend.cost_e6,
            best_e6=None if best is None else to_millionths(best),
            seconds_left=None if left is None else max(0, round(left)),
        )

    def in_words(self) -> str:
        """One line."""
        parts = [f"seed {self.seed}", f"{self.calls} calls", f"{self.tokens} tokens"]
        if self.cost_e6:
            parts.append(f"${self.cost_e6 / 1e6:.4f}")
        if self.best_e6 is not None:
            parts.append(f"best {self.best_e6 / 1e6:.3f}")
        if self.seconds_left is not None:
            parts.append(f"{self.seconds_left} s left")
        return ", ".join(parts)

"""The section `curation`: optional steps between what was logged and what is used."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from teleprompt.config._section import Section

BY_OUTCOME = "outcome"
CATEGORY = r"^(contributor|group|outcome|(input|output)\.[A-Za-z_]\w*)$"
"""What rows can be told apart by."""


class DuplicatesStep(Section):
    """Of calls with the same inputs and outputs, but for case and spacing, the earliest stays."""

    step: Literal["duplicates"] = "duplicates"


class NearDuplicatesStep(Section):
    """Of calls with nearly the same inputs and outputs, the earliest stays."""

    step: Literal["near_duplicates"] = "near_duplicates"
    threshold: float = Field(0.9, ge=0.5, le=1)
    """Share of common three-word sequences (Jaccard, estimated by MinHash) from which calls are alike."""


class OutliersStep(Section):
    """Calls far from the rest."""

    step: Literal["outliers"] = "outliers"
    of: tuple[Literal["length", "latency", "outcome"], ...] = ("length", "latency")
    """`length` of inputs and outputs, `latency` (both on a log scale), or the first `outcome` metric."""
    method: Literal["robust_z", "iqr"] = "robust_z"
    """Distance from the median in robust deviations, or from the quartiles in interquartile ranges."""
    limit: float = Field(6, gt=0)
    """Largest distance that is kept."""


class BurstsStep(Section):
    """Calls of a contributor in an hour in which he sent far more than contributors do."""

    step: Literal["contributor_bursts"] = "contributor_bursts"
    limit: float = Field(10, gt=0)
    """Largest distance from the median number per contributor and hour, in robust deviations."""
    least: int = Field(20, ge=1)
    """So many calls in an hour are never a burst."""


class RedactStep(Section):
    """Personal data in inputs and outputs become placeholders such as `[EMAIL_1]`; contributors stay."""

    step: Literal["redact"] = "redact"
    entities: tuple[str, ...] = ("EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IP_ADDRESS")
    """Kinds of personal data."""


class QualityStep(Section):
    """Train traces with a low score are left out; select and gate keep them."""

    step: Literal["quality"] = "quality"
    min_score: float = Field(ge=0, le=1)
    """Lowest score that stays."""


class BalanceStep(Section):
    """No contributor or category has too large a part of the train traces; select and gate keep production's mix."""

    step: Literal["balance"] = "balance"
    by: str = Field("contributor", pattern=CATEGORY)
    """`contributor`, `group`, `input.<name>`, `output.<name>`, or `outcome`: fifths of the first metric."""
    most: int | None = Field(None, ge=1)
    """Most train traces of one of them; a seeded sample of more."""
    share: float | None = Field(None, gt=0, lt=1)
    """Largest share of the train traces of one of them, instead of `most`."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.most is None) == (self.share is None):
            raise ValueError("balance needs `most` or `share`")
        return self


CurationStep = Annotated[
    DuplicatesStep | NearDuplicatesStep | OutliersStep | BurstsStep | RedactStep | QualityStep | BalanceStep,
    Field(discriminator="step"),
]
ON_TRAIN_ONLY = (QualityStep, BalanceStep)

"""The part of a document that says what its verdict rests on."""

from typing import Annotated, Literal

from pydantic import Field

from teleprompt.attest.section import Count, DateRange, Millionths, Section, Text
from teleprompt.records import MILLION, Digest


class _Evidence(Section):
    """What all evidence says; `_e6` are millionths."""

    verdict: Literal["promote"]
    claim: Literal["significant", "proven"]
    metric: Text
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Annotated[int, Field(ge=0, le=MILLION)]
    confidence_e6: Annotated[int, Field(gt=MILLION // 2, le=MILLION)]
    threshold_e6: Annotated[int, Field(gt=0, lt=MILLION)]


class TrialSection(Section):
    """The trial that the candidate was on; its windows are from the first to the one that decided it."""

    trial_id: Digest
    number: Annotated[Count, Field(ge=1)]
    """Which trial of the program's last 365 days it was."""
    windows: Annotated[Count, Field(ge=1)]
    opened: DateRange
    """The window that opened it, whose traces the candidate was made from."""
    level_e6: Annotated[int, Field(gt=0, lt=MILLION)]
    """Probability, at most, that the trial promotes a candidate without a gain; its part of the year's."""
    relatives: Annotated[Count, Field(ge=1)] | None = None
    """Trials of the same 365 days of programs with another name and the same code: a renamed one begins its numbers
    anew. Left out where there were none."""

    absent = frozenset({"relatives"})


class OfflineEvidence(_Evidence):
    """Both programs' answers to sealed examples were compared."""

    kind: Literal["offline"]
    """Replayed on sealed traces, not measured in production."""
    test: Literal["mcnemar_exact", "sign_flip", "sign", "betting_mixture", "off_policy_t"]
    interval: Literal[
        "bonett_price", "bca_unseen", "unseen", "bca", "degenerate", "confidence_sequence", "off_policy_unseen"
    ]
    """`bca` and `degenerate` stand in documents from before intervals allowed for the unseen."""
    n: Annotated[Count, Field(ge=1)]
    n_groups: Annotated[Count, Field(ge=1)]
    wins: Count
    losses: Count
    ties: Count
    metric_version: Annotated[int, Field(ge=2)] | None = None
    """Of how values were read and compared; left out of version 1, which compared texts."""

    trial: TrialSection | None = None
    """Where the evidence added up over windows."""
    scores_digest: Digest | None = None
    """Of the scores in the recompute bundle; documents of before have none."""
    compared: Literal["agreement", "reference", "outcome"] | None = None
    """With what: logged answers that turned out well, a proxy of the outcome, or what people expect; or, by the test
    `off_policy_t`, the outcome, estimated from calls in which chance had chosen the answer. Documents of before do not
    say."""

    absent = frozenset({"metric_version", "trial", "scores_digest", "compared"})


class OnlineEvidence(_Evidence):
    """The outcomes of both versions' calls in production were compared."""

    kind: Literal["online"]
    """Measured in production, on the keys that each version answered."""
    test: Literal["fisher_exact", "permutation", "delta_method"]
    interval: Literal["newcombe", "delta_method_unseen"]
    n_baseline: Annotated[Count, Field(ge=1)]
    n_optimized: Annotated[Count, Field(ge=1)]
    """Calls with an outcome."""
    keys_baseline: Annotated[Count, Field(ge=1)]
    keys_optimized: Annotated[Count, Field(ge=1)]
    missing_baseline: Count
    missing_optimized: Count
    """Mature calls without one."""
    observed: DateRange
    """When the calls were made."""
    weeks: Annotated[Count, Field(ge=1)] | None = None
    """Whole weeks, within which the versions were compared; left out where their calls were compared as one."""
    missing_are: Literal["bounds", "at_random", "zero_after_maturity"] | None = None
    """What calls without an outcome counted for, in weeks."""
    scores_digest: Digest | None = None
    """Of the calls in the recompute bundle; documents from before there was one lack it."""

    absent = frozenset({"weeks", "missing_are", "scores_digest"})


Evidence = Annotated[OfflineEvidence | OnlineEvidence, Field(discriminator="kind")]

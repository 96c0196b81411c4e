"""The section `attribution`: how the credit for an improvement is divided."""

from enum import StrEnum

from pydantic import Field

from teleprompt.config._section import Section
from teleprompt.config.signers import Address
from teleprompt.records import MAX_IDENTIFIER


class WeightingMethod(StrEnum):
    """What weights are in proportion to; docs/rewards.md says what each withstands."""

    DEDUPLICATED_COUNT = "deduplicated_count"
    QUALITY_WEIGHTED = "quality_weighted"
    LEAVE_ONE_OUT = "leave_one_out"
    GROUP_SHAPLEY = "group_shapley"


class Unpayable(StrEnum):
    """What becomes of the share of a contributor who cannot be paid."""

    HOLD_BACK = "hold_back"
    SHARE = "share"


class AttributionConfig(Section):
    """Who is credited with how much."""

    method: WeightingMethod = WeightingMethod.QUALITY_WEIGHTED
    """`quality_weighted`: the sum of the scores of the distinct traces that a stage read, so that a call whose outcome
    was worth nothing earns nothing. `deduplicated_count`: their number. `leave_one_out` and `group_shapley`: what a
    contributor's traces add to answering the select examples by the nearest trace."""
    cap: float | None = Field(None, gt=0, le=1)
    """No contributor gets more than this share; the rest goes to the others in proportion."""
    copies_from: float | None = Field(0.6, ge=0.5, le=1)
    """From this share of common two-word sequences on (Jaccard, estimated by MinHash), a call brings its contributor
    nothing where an earlier one, whoever logged it, has nearly the same inputs and outputs. None: each distinct call
    counts. `deduplicated_count` counts each."""
    unpayable: Unpayable = Unpayable.HOLD_BACK
    """The share of a contributor who named no address: `hold_back` keeps it back, `share` divides it among the others.
    That of calls whose address is disputed is always kept back."""
    from_user: bool = False
    """Whether MLflow's user (`mlflow.trace.user`) is the contributor of a call that names none."""
    anonymous: str | None = Field(None, min_length=1, max_length=MAX_IDENTIFIER)
    """Id that calls are credited to which name no contributor; it has no address. None: such calls are quarantined
    where `chain` is set, and credited to `anonymous` where nothing is."""
    wallets: dict[str, Address] = Field(default_factory=dict)
    """The address that stands for a contributor's id, where its earliest call named none or another: this is how a
    wallet is added or changed, or a dispute settled. Calls with the earlier address stay the contributor's."""

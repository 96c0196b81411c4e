"""What language models may cost."""

from pydantic import Field

from teleprompt.config._section import Section


class BudgetConfig(Section):
    """Limits of what a piece of work may spend, for all its models together."""

    max_calls: int | None = Field(None, ge=1)
    """Calls of language models, repeated ones included; never exceeded."""
    max_tokens: int | None = Field(None, ge=1)
    """Tokens in and out; calls that are under way when it is reached still end."""
    max_cost_usd: float | None = Field(None, gt=0)
    """Estimated price; refused for a model whose price is not known."""

    def share(self, candidates: int) -> "BudgetConfig":
        """What compiling one of so many candidates may spend: half of the budget goes into compiling all of them."""
        half = 2 * candidates
        return BudgetConfig(
            max_calls=None if self.max_calls is None else max(1, self.max_calls // half),
            max_tokens=None if self.max_tokens is None else max(1, self.max_tokens // half),
            max_cost_usd=None if self.max_cost_usd is None else self.max_cost_usd / half,
        )

"""The gate over two score sources: what a test, an operator or a notebook calls."""

from collections.abc import Sequence

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.records import to_millionths
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.verdict import judge
from teleprompt.sdk.score_sources import ScoreSource, pair_sources


def compare_sources(
    baseline: ScoreSource,
    candidate: ScoreSource,
    *,
    threshold: float = 0.01,
    claim: str = Claim.SIGNIFICANT,
    alpha: float = 0.05,
    lower_is_better: bool = False,
    guardrails: Sequence[Guardrail] = (),
    id: str | None = None,  # noqa: A002 - as the command calls it
    score: str | None = None,
    group: str | None = None,
    scale: float = 1.0,
    tracking_uri: SecretUri | None = None,
) -> GateReport:
    """The verdict on the candidate; the arguments are the options of `teleprompt gate`.

    `tracking_uri` is the MLflow of a source `runs:/ID`, by default that of the environment.

    Raises:
        ConfigurationError: the scores cannot be had, do not pair, or are too few; or an argument is out of range.
    """
    direction = Direction.LOWER if lower_is_better else Direction.HIGHER
    try:
        policy = GatePolicy(threshold_e6=to_millionths(threshold), claim=Claim(claim), alpha=alpha, direction=direction)
    except ValueError as error:
        raise ConfigurationError(
            f"No comparison asks for threshold={threshold!r}, claim={str(claim)!r}, alpha={alpha!r}; the usual ones "
            "are 0.01, 'significant' and 0.05."
        ) from error
    columns = Columns(id, score, group, tuple(guardrail.metric for guardrail in guardrails))
    pairs = pair_sources(baseline, candidate, columns, scale=scale, tracking_uri=tracking_uri)
    return judge(pairs, policy, guardrails)

"""The gate over two score sources: what a test, an operator or a notebook calls."""

from collections.abc import Sequence

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.deltaone.report import GateReport
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.score_files.asked import asked_for
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
    asked = asked_for(threshold=threshold, claim=claim, alpha=alpha, lower_is_better=lower_is_better)
    columns = Columns(id, score, group, tuple(guardrail.metric for guardrail in guardrails))
    pairs = pair_sources(baseline, candidate, columns, scale=scale, tracking_uri=tracking_uri)
    return judge(pairs, asked.policy, guardrails)

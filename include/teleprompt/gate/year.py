"""What the promotions of a year did to the metrics that guardrails watch."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from teleprompt.deltaone.guardrails import YearSoFar
from teleprompt.gate.comparison import Comparison
from teleprompt.registry.versions import RUN_KEY, ProgramVersion
from teleprompt.tracking.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from mlflow import MlflowClient


A_YEAR = timedelta(days=365)


def year_so_far(client: "MlflowClient", champion: ProgramVersion) -> dict[str, YearSoFar]:
    """By metric, from the champion back over the versions that it was compared with; what was rolled back is no part.

    Up to the first version that was decided more than 365 days ago, or that no comparison led to.
    """
    since = datetime.now(UTC) - A_YEAR
    found: dict[str, YearSoFar] = {}
    number = champion.number
    while (comparison := _that_led_to(client, champion.program, number)) and comparison.decided_at > since:
        for check in comparison.report.guardrails:
            if check.of_the_year or check.baseline_e6 is None or check.optimized_e6 is None:
                continue
            later = found[check.metric].change_e6 if check.metric in found else 0
            change_e6 = later + check.optimized_e6 - check.baseline_e6
            found[check.metric] = YearSoFar(baseline_e6=check.baseline_e6, change_e6=change_e6)
        number = comparison.look.champion
    return found


def _that_led_to(client: "MlflowClient", program: str, number: int) -> Comparison | None:
    key = client.get_model_version(program, str(number)).tags.get(RUN_KEY)
    run = PipelineRun.find(client, program=program, key_digest=key) if key else None
    return run.read("gate", Comparison) if run else None

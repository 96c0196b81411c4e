"""What a run cost, for a contract that weighs a gain against it."""

from teleprompt.gate.comparison import Comparison
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.lm.stage_spend import spend_by_stage
from teleprompt.optimize.select import Selection
from teleprompt.records import MILLION
from teleprompt.tracking.pipeline_run import PipelineRun


def cost_e6(run: PipelineRun) -> int:
    """All stages of a run in millionths of a dollar; in a trial with those of the run whose candidate it compared.

    Runs of a version of the package before 0.3 know what compiling and selecting cost.
    """
    comparison = run.read("gate", Comparison)
    opened = opening_run(run, comparison.trial if comparison is not None else None)
    return sum(_own_cost_e6(one) for one in {one.run_id: one for one in (run, opened)}.values())


def _own_cost_e6(run: PipelineRun) -> int:
    spend = spend_by_stage(run.measures())
    if spend:
        return round(sum(stage.cost_usd for stage in spend.values()) * MILLION)
    selection = run.read("selection", Selection)
    return selection.spend.cost_e6 if selection is not None else 0

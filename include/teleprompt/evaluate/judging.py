"""How answers are scored, as it travels to the process that scores them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teleprompt.config.gate import GateConfig
from teleprompt.evaluate.metrics import COMPARING_METRICS, build_metric
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.self_agreement import check_self_agreement
from teleprompt.program.fields import ProgramFields
from teleprompt.traces.row import TraceRow


@dataclass(frozen=True)
class Judging:
    """How an answer is scored."""

    gate: GateConfig
    programs_dir: Path

    def build(self, fields: ProgramFields, *, judge_lm: Any) -> Objective:
        """The objective; `judge_lm`, a metered `dspy.LM`, is asked if the metric is a judge.

        Raises:
            ConfigurationError: the metric does not exist or takes the wrong arguments.
        """
        gate = self.gate
        metric = build_metric(
            gate.metric, fields=fields, programs_dir=self.programs_dir, judge=gate.judge, judge_lm=judge_lm
        )
        return Objective(metric, gate.objective, direction=gate.direction)

    def check_labels(self, program: Any, rows: Sequence[TraceRow], fields: ProgramFields) -> None:
        """See to it that logged answers would score 1; a judge or a metric of the user's owes nobody that.

        Raises:
            UnreadableLabelError: too many would not.
        """
        if self.gate.metric in COMPARING_METRICS:
            check_self_agreement(program, rows, fields, self.build(fields, judge_lm=None))

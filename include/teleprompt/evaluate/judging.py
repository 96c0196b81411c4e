"""How answers are scored, as it travels to the process that scores them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.teleprompt.config.gate import GateConfig
from include.teleprompt.evaluate.metrics import build_metric
from include.teleprompt.evaluate.objective import Objective
from include.teleprompt.program.fields import ProgramFields


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

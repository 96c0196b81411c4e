"""How answers are scored, as it travels to the process that scores them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teleprompt.config.gate import JUDGE, GateConfig
from teleprompt.evaluate.examples import holding, to_examples
from teleprompt.evaluate.metrics import COMPARING_METRICS, build_metric
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import apply_metric
from teleprompt.evaluate.self_agreement import check_readable, check_self_agreement
from teleprompt.program.typed_fields import TypedFields
from teleprompt.traces.row import TraceRow


@dataclass(frozen=True)
class Judging:
    """How an answer is scored."""

    gate: GateConfig
    folders: tuple[Path, ...]
    """Where a metric of the user's is looked for, in this order."""

    def build(self, typed: TypedFields, *, judge_lm: Any) -> Objective:
        """The objective; `judge_lm`, a metered `dspy.LM`, is asked if the metric is a judge.

        Raises:
            ConfigurationError: the metric does not exist or takes the wrong arguments.
        """
        gate = self.gate
        metric = build_metric(gate.metric, typed=typed, folders=self.folders, judge=gate.judge, judge_lm=judge_lm)
        return Objective(metric, gate.objective, direction=gate.direction)

    def try_out(self, rows: Sequence[TraceRow], typed: TypedFields) -> None:
        """See to it, before a model is paid, that logged answers can be scored; a judge is not asked.

        By a metric that compares, a logged answer scores 1 against itself; a metric of the user's owes no more than a
        number from 0 to 1.

        Raises:
            UnreadableLabelError: too many do not.
            TelepromptError: the metric raises, or gives no such number.
        """
        if not rows:
            return
        check_readable(rows, typed)
        if self.gate.metric == JUDGE:
            return
        objective = self.build(typed, judge_lm=None)
        if self.gate.metric in COMPARING_METRICS:
            check_self_agreement(rows, typed, objective)
        else:
            _score_one(rows, typed, objective)


def _score_one(rows: Sequence[TraceRow], typed: TypedFields, objective: Objective) -> None:
    import dspy

    row = next((row for row in rows if typed.unreadable(row.inputs, row.outputs) is None), rows[0])
    (example,) = to_examples([row], typed)
    apply_metric(objective, example, holding(dspy.Prediction(), example.labels()))

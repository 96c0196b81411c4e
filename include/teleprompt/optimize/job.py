"""What a compile in a process of its own needs to know; it travels through a pipe and is never stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.teleprompt.config.gate import GateConfig
from include.teleprompt.config.optimization import BudgetConfig, OptimizationConfig
from include.teleprompt.config.settings import LMConfig
from include.teleprompt.evaluate.metrics import build_metric
from include.teleprompt.evaluate.objective import Objective
from include.teleprompt.program.entry_point import build_program
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.records import Digest
from include.teleprompt.traces.snapshot import SnapshotPart


@dataclass(frozen=True)
class ProgramFile:
    """A program by its file, built anew wherever it is needed."""

    file: Path
    entry_point: str

    def build(self) -> Any:
        """The `dspy.Module`."""
        return build_program(self.file, self.entry_point)


@dataclass(frozen=True)
class ProgramObject:
    """A program that somebody holds in a notebook or script."""

    program: Any

    def build(self) -> Any:
        """The `dspy.Module`."""
        return self.program


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


@dataclass(frozen=True)
class CompileJob:
    """One seed of one strategy."""

    source: ProgramFile | ProgramObject
    start: bytes | None
    """State to begin with; None: the program as written."""
    train: SnapshotPart
    seed: int
    config: OptimizationConfig
    budget: BudgetConfig
    """This candidate's share."""
    fields: ProgramFields
    judging: Judging
    lm: LMConfig
    prompt_lm: LMConfig | None
    judge_lm: LMConfig | None
    num_threads: int
    storage_uri: str
    checkpoint: str
    """Name in the storage under which answers and intermediate programs are kept."""
    fingerprint: Digest
    """Of all that the answers depend on."""

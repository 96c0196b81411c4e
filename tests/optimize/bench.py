"""A program with a snapshot whose good traces teach it the shelf of each thing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teleprompt.config.gate import GateConfig
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.settings import LMConfig
from teleprompt.evaluate.judging import Judging
from teleprompt.evaluate.metrics import agreement_scores, mean_of_fields
from teleprompt.evaluate.objective import Objective
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from teleprompt.optimize._compile import Models, compile_candidate
from teleprompt.optimize._job import CompileJob
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.select import Selection, select_candidate
from teleprompt.program.source import ProgramFile
from teleprompt.traces.snapshot import SnapshotPart
from teleprompt.traces.split import Part
from tests.support import WEEK, raw_trace, write_program, write_snapshot_of


class Bench:
    """What a compile needs, ready."""

    def __init__(self, folder: Path, *, traces: int = 120) -> None:
        self.file = write_program(folder / "programs")
        built = ProgramFile(self.file, "shelves:build").build()
        self.program = built.module
        self.fields = built.signature.declared.known()
        self.typed = built.typed(self.fields)
        self.objective = Objective(mean_of_fields(agreement_scores(self.typed)))
        self.lm = build_lm(LMConfig())
        self.storage_uri = str(folder / "storage")
        raw = [
            raw_trace(
                trace_id=f"marked-{i}",
                started_at_ms=WEEK.start_ms + i,
                inputs={"thing": f"{('wooden', 'metal')[i % 2]} thing number {i}"},
                outputs={"shelf": ("left", "right")[i % 2]},
                contributor_id="marked",
            )
            for i in range(traces)
        ]
        snapshot, _ = write_snapshot_of(raw, folder / "storage", fields=self.fields)
        self.parts = snapshot.parts

    def compile(
        self,
        seed: int,
        config: OptimizationConfig,
        *,
        lm: object = None,
        objective: Objective | None = None,
        train: SnapshotPart | None = None,
        meter: Meter | None = None,
        **more: Any,
    ) -> Candidate:
        meter = meter or Meter(config.budget, timeout_seconds=config.timeout_seconds)
        model = metered(lm or self.lm, meter, retries=0)
        return compile_candidate(
            self.program,
            train or self.parts[Part.TRAIN],
            seed=seed,
            config=config,
            typed=self.typed,
            objective=objective or self.objective,
            models=Models(task=model, prompt=model, meter=meter),
            num_threads=1,
            storage_uri=self.storage_uri,
            **more,
        )

    def select(
        self,
        candidates: Sequence[Candidate],
        config: OptimizationConfig | None = None,
        *,
        meter: Meter | None = None,
        **more: Any,
    ) -> Selection:
        meter = meter or Meter()
        return select_candidate(
            self.program,
            candidates,
            self.parts[Part.SELECT],
            config=config or OptimizationConfig(),
            typed=self.typed,
            objective=self.objective,
            lm=metered(self.lm, meter, retries=0),
            meter=meter,
            num_threads=1,
            **more,
        )

    def job(self, config: OptimizationConfig, *, lm: LMConfig | None = None, **changes: Any) -> CompileJob:
        values: dict[str, Any] = {
            "source": ProgramFile(self.file, "shelves:build"),
            "start": None,
            "train": self.parts[Part.TRAIN],
            "seed": 0,
            "config": config,
            "budget": config.budget,
            "seconds": config.timeout_seconds,
            "fields": self.fields,
            "judging": Judging(GateConfig(), (self.file.parent,)),
            "lm": lm or LMConfig(),
            "prompt_lm": None,
            "judge_lm": None,
            "num_threads": 1,
            "storage_uri": self.storage_uri,
            "checkpoint": "checkpoints/test/candidate_0",
            "fingerprint": "0" * 64,
            "process": ProgramProcessConfig(),
            **changes,
        }
        return CompileJob(**values)

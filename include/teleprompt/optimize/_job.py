"""Compiling one candidate in a process of its own: what that has to know, and what it does there."""

import sys
import threading
from dataclasses import dataclass
from typing import Any, Self

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.gate import JUDGE
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.settings import LMConfig
from teleprompt.evaluate.examples import good_rows
from teleprompt.evaluate.judging import Judging
from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from teleprompt.lm.program_meter import program_metered
from teleprompt.optimize._bootstrapping import Bootstraps
from teleprompt.optimize._compile import Models, compile_candidate
from teleprompt.optimize._preflight import check_price
from teleprompt.optimize._progress import Progress
from teleprompt.optimize.bootstrap_traces import BootstrapShelf, BootstrapTrace
from teleprompt.optimize.candidate import Candidate
from teleprompt.program.channel import Channel
from teleprompt.program.fields import ProgramFields
from teleprompt.program.source import ProgramFile, ProgramObject
from teleprompt.program.state import first_member, load_state, showing_all
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import Digest
from teleprompt.storage.journal import Journal
from teleprompt.strategies import strategy_of
from teleprompt.traces.snapshot import SnapshotPart, read_rows

TICK_SECONDS = 2.0


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
    seconds: float
    """Time limit."""
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
    process: ProgramProcessConfig
    bootstraps: tuple[BootstrapTrace, ...] = ()
    """Of earlier windows."""
    shelf: BootstrapShelf | None = None
    """Where new ones are kept."""

    @property
    def title(self) -> str:
        """What is done, for messages."""
        return f"Compiling seed {self.seed}"

    @property
    def models(self) -> tuple[LMConfig, ...]:
        """The language models that may be asked."""
        return tuple(model for model in (self.lm, self.prompt_lm, self.judge_lm) if model is not None)

    def run(self, channel: Channel) -> Candidate:
        """Compile, keeping every answer and every better program on the way."""
        self._check_price()
        meter = Meter(self.budget, timeout_seconds=self.seconds)
        channel.spent = lambda: meter.spend
        with Journal(self.storage_uri, self.checkpoint, fingerprint=self.fingerprint) as journal:
            channel.to_close.append(journal)
            answers = AnswerJournal(journal, meter)
            with program_metered(
                meter,
                models=self.models,
                has_own_clients=self.source.asks_models_by_itself,
                unmetered=self.process.unmetered,
                answers=answers,
            ):
                return self._compiled(meter, answers, channel)

    def _compiled(self, meter: Meter, answers: AnswerJournal, channel: Channel) -> Candidate:
        built = self.source.build()
        program, typed = built.module, built.typed(self.fields)
        rows = good_rows(read_rows(self.train), min_quality_score=self.config.min_quality_score)
        self.judging.try_out(rows, typed)
        _stop_autologging()
        _send_each_request_once()
        teacher = None
        if self.start is not None:
            start = first_member(self.start)
            teacher = load_state(program, start)
            teacher._compiled = True  # noqa: SLF001 - else DSPy takes its demonstrations away before it teaches
            keeps = strategy_of(self.config.strategy).keeps_demonstrations
            program = load_state(program, start if keeps else showing_all(start))

        def asked(model: LMConfig) -> Any:
            return metered(build_lm(model), meter, retries=model.num_retries, answers=answers)

        with _Telling(channel, self.seed, meter) as telling:
            return compile_candidate(
                program,
                self.train,
                seed=self.seed,
                config=self.config,
                typed=typed,
                objective=self.judging.build(typed, judge_lm=asked(self.judge_lm or self.lm)),
                models=Models(task=asked(self.lm), prompt=asked(self.prompt_lm or self.lm), meter=meter),
                num_threads=self.num_threads,
                storage_uri=self.storage_uri,
                teacher=teacher,
                bootstraps=self._bootstraps(typed, channel),
                on_better=telling.better,
            )

    def _bootstraps(self, typed: TypedFields, channel: Channel) -> Bootstraps:
        if self.shelf is None:
            return Bootstraps(typed)
        journal = self.shelf.journal()
        channel.to_close.append(journal)
        return Bootstraps(typed, self.bootstraps, keep=lambda trace: journal.append(trace.model_dump(mode="json")))

    def _check_price(self) -> None:
        judges = self.judging.gate.metric == JUDGE
        check_price(
            self.config,
            task=build_lm(self.lm),
            prompt=build_lm(self.prompt_lm or self.lm),
            judge=build_lm(self.judge_lm or self.lm) if judges else None,
        )


class _Telling:
    """Tells the parent of better programs, and every other second how far the compile is."""

    def __init__(self, channel: Channel, seed: int, meter: Meter) -> None:
        self._channel, self._seed, self._meter = channel, seed, meter
        self._best: float | None = None
        self._done = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._tick, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def better(self, state: bytes, score: float) -> None:
        self._best = score
        self._channel.say(better=[state.decode(), score])

    def _tick(self) -> None:
        while not self._done.wait(TICK_SECONDS):
            progress = Progress.of(self._seed, self._meter, best=self._best)
            self._channel.say(progress=progress.model_dump(mode="json"))
            self._channel.tell_spent()


def _stop_autologging() -> None:
    """A program's file may log all its calls and compiles to MLflow; ours are no production traffic."""
    if "mlflow" in sys.modules:
        import mlflow.dspy

        mlflow.dspy.autolog(disable=True)


def _send_each_request_once() -> None:
    """DSPy sends a request again that takes two minutes, as our own waiting for a model may; it would be paid twice."""
    from dspy.utils.parallelizer import ParallelExecutor

    execute = ParallelExecutor.execute

    def patiently(self: Any, function: Any, data: Any) -> Any:
        self.timeout = 0
        return execute(self, function, data)

    ParallelExecutor.execute = patiently

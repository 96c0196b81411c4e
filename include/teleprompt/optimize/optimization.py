"""The stages of one optimisation, with their models, limits and checkpoints."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from teleprompt.config.files import folders_of
from teleprompt.config.gate import COST, JUDGE, METRIC_VERSION
from teleprompt.config.optimization import StartFrom
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import digest_of, sha256_hex
from teleprompt.errors import (
    ConfigurationError,
    InternalError,
    OptimizationTimeoutError,
    TelepromptError,
    TransientError,
)
from teleprompt.evaluate.examples import good_rows
from teleprompt.evaluate.judging import Judging
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import ScoreCache
from teleprompt.lm.answers import AnswerJournal
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import TIMED_OUT, Meter, Spend
from teleprompt.lm.metered import metered
from teleprompt.lm.program_meter import program_metered
from teleprompt.optimize._child import compile_in_child
from teleprompt.optimize._job import CompileJob
from teleprompt.optimize._preflight import check_gate_price, check_guardrail_price, check_package, check_price
from teleprompt.optimize._progress import Progress
from teleprompt.optimize.bootstrap_traces import FORM, BootstrapShelf, learned_apart
from teleprompt.optimize.candidate import Candidate, check_failed
from teleprompt.optimize.select import Selection, select_candidate
from teleprompt.program.channel import Channel, Job
from teleprompt.program.fields import ProgramFields
from teleprompt.program.process import run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.program.source import ProgramFile, ProgramObject
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.storage.journal import Journal
from teleprompt.traces.snapshot import Snapshot, read_rows
from teleprompt.traces.split import Part
from teleprompt.tracking.run_key import RunKey

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)

SCORE_FORM = 3
"""Form of the kept scores; those of another one are not read."""


@dataclass(frozen=True)
class Optimization:
    """One program, one run, one environment."""

    source: ProgramFile | ProgramObject
    config: ProgramConfig
    settings: Settings
    fields: ProgramFields
    key: RunKey
    code_digest: Digest | None
    """Of the program's code and the metric's; None where the program has no file that would tell a change."""

    def preflight(self) -> None:
        """Refuse in seconds what could not work, before anything is collected or paid.

        Raises:
            ConfigurationError: with the remedy.
        """
        check_package(self.config.optimization)
        if any(guardrail.metric == COST for guardrail in self.config.gate.guardrails):
            check_guardrail_price(build_lm(self.settings.lm))
        budgets = (self.config.optimization.budget, self.config.gate.budget)
        if any(budget.max_cost_usd is not None for budget in budgets):
            task = build_lm(self.settings.lm)
            judges = self.config.gate.metric == JUDGE
            judge = build_lm(self.settings.judge_lm or self.settings.lm) if judges else None
            prompt = build_lm(self.settings.prompt_lm or self.settings.lm)
            check_price(self.config.optimization, task=task, prompt=prompt, judge=judge)
            check_gate_price(self.config.gate.budget, task=task, judge=judge)

    def objective(self, meter: Meter, typed: TypedFields, *, answers: AnswerJournal | None = None) -> Objective:
        """How an answer is scored; the calls of a judge pass `meter`."""
        judge = self.settings.judge_lm or self.settings.lm
        lm = metered(build_lm(judge), meter, retries=judge.num_retries, answers=answers)
        return self.judging.build(typed, judge_lm=lm)

    def compile(
        self,
        snapshot: Snapshot,
        *,
        seed: int,
        champion: Blob,
        seconds: float,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
        on_lost: Callable[[Spend], None] = lambda _spend: None,
    ) -> Candidate:
        """Compile one candidate from the train part, in a process group of its own and at most so many `seconds`.

        `on_lost` is told what was spent where an error is raised.

        Raises:
            OptimizationTimeoutError: the time limit passed without a program, and there is no other candidate.
            TransientError, ConfigurationError, InternalError: what the other candidates would meet, too.
            TelepromptError: compiling failed, and there is no other candidate.
        """
        optimization = self.config.optimization
        seeds = optimization.seeds
        if seconds <= 0:  # the others took it all
            return Candidate.without_time(seed, TIMED_OUT.format(optimization.timeout_seconds))
        shelf = self.bootstrap_shelf
        job = CompileJob(
            source=self.source,
            start=get_blob(champion) if optimization.start_from is StartFrom.CHAMPION else None,
            train=snapshot.parts[Part.TRAIN],
            seed=seed,
            config=optimization,
            budget=optimization.budget.share(len(seeds)),
            seconds=seconds,
            fields=self.fields,
            judging=self.judging,
            lm=self.settings.lm,
            prompt_lm=self.settings.prompt_lm,
            judge_lm=self.settings.judge_lm,
            num_threads=self.config.num_threads,
            storage_uri=self.settings.storage_uri,
            checkpoint=self._checkpoint(f"candidate_{seed}"),
            fingerprint=self._fingerprint(snapshot, champion),
            process=self.settings.program_process,
            bootstraps=learned_apart(shelf.before(), snapshot) if shelf else (),
            shelf=shelf,
        )
        spent = _Spent()
        try:
            with spent.told_if_lost(on_lost):
                candidate = compile_in_child(job, on_progress=on_progress, on_spend=spent.hear)
        except (TransientError, ConfigurationError, InternalError):
            raise
        except TelepromptError as error:
            if len(seeds) == 1:
                raise
            log.warning("seed %d failed, and the others go on without it: %s", seed, error)
            return Candidate.failed(seed, str(error), spent.last)
        if candidate.state is None and len(seeds) == 1:
            if candidate.cut_short == TIMED_OUT.format(seconds):
                raise OptimizationTimeoutError(round(seconds, 3))
            raise TelepromptError(f"No candidate came of compiling: {candidate.invalid or candidate.cut_short}")
        return candidate

    def forget_checkpoint(self, snapshot: Snapshot, *, seed: int, champion: Blob) -> None:
        """Give up what was kept for a retry; the candidate itself is kept now."""
        fingerprint = self._fingerprint(snapshot, champion)
        checkpoint = self._checkpoint(f"candidate_{seed}")
        Journal(self.settings.storage_uri, checkpoint, fingerprint=fingerprint).forget_own()

    def select(
        self,
        snapshot: Snapshot,
        candidates: Sequence[Candidate],
        *,
        on_rung: Callable[[int, int], None] = lambda _programs, _examples: None,
        on_lost: Callable[[Spend], None] = lambda _spend: None,
    ) -> Selection:
        """Choose the best candidate on the select part, with what the budget has left, in a process of its own.

        `on_lost` is told what was spent where an error is raised.

        Raises:
            TelepromptError: too many candidates failed, or none can be chosen.
        """
        check_failed(candidates, self.config.optimization.max_failed_candidates)

        def hear(message: dict[str, Any]) -> None:
            match message:
                case {"rung": [int(programs), int(examples)]}:
                    on_rung(programs, examples)

        job = SelectJob(self.without_secrets(), snapshot, tuple(candidates))
        return self.in_process(job, Selection, on_said=hear, on_lost=on_lost)

    def select_here(self, snapshot: Snapshot, candidates: Sequence[Candidate], channel: Channel) -> Selection:
        """The same, where program code may run."""
        optimization = self.config.optimization
        spent = sum((candidate.spend for candidate in candidates), Spend())
        meter = Meter(optimization.budget, timeout_seconds=optimization.timeout_seconds, before=spent)
        channel.spent = lambda: meter.spend
        fingerprint = digest_of([self._fingerprint(snapshot, None), [c.model_dump(mode="json") for c in candidates]])
        with Journal(self.settings.storage_uri, self._checkpoint("select"), fingerprint=fingerprint) as journal:
            channel.to_close.append(journal)
            answers = AnswerJournal(journal, meter)
            select = snapshot.parts[Part.SELECT]
            with self.metered(meter, answers=answers):
                built = self.source.build()
                typed = built.typed(self.fields)
                rows = good_rows(read_rows(select), min_quality_score=optimization.min_quality_score)
                self.judging.try_out(rows, typed)
                selection = select_candidate(
                    built.module,
                    candidates,
                    select,
                    config=optimization,
                    typed=typed,
                    objective=self.objective(meter, typed, answers=answers),
                    lm=self.scoring_lm(meter, answers=answers),
                    meter=meter,
                    num_threads=self.config.num_threads,
                    cache_of=lambda state: self.score_cache(state, channel),
                    on_rung=lambda programs, examples: channel.say(rung=[programs, examples]),
                )
            journal.clear()
        return selection

    def in_process(
        self,
        job: Job,
        returns: type[R],
        *,
        on_said: Callable[[dict[str, Any]], None] = lambda _message: None,
        on_lost: Callable[[Spend], None] = lambda _spend: None,
    ) -> R:
        """Do a job that scores answers in a process of its own; each answer may take as long as a compile.

        `on_lost` is told what was spent where an error is raised.

        Raises:
            ProgramInterruptedError: the process was ended by somebody else; what is scored is kept.
            TelepromptError: what the job raised, or a limit that its program broke.
        """
        settings = self.settings
        models = (settings.lm, settings.judge_lm)
        spent = _Spent()

        def hear(message: dict[str, Any]) -> None:
            match message:
                case {"spent": spend}:
                    spent.hear(Spend.model_validate(spend))
                case _:
                    on_said(message)

        with spent.told_if_lost(on_lost):
            return run_in_process(
                job,
                returns,
                config=settings.program_process,
                environment=process_environment(
                    os.environ,
                    more=settings.program_process.environment,
                    models=[model for model in models if model is not None],
                    storage_uri=settings.storage_uri,
                ),
                seconds=settings.program_process.start_seconds + self.config.optimization.timeout_seconds,
                on_said=hear,
            )

    def without_secrets(self) -> "Optimization":
        """This, as a process that runs program code may know it: models and storage, no signer and no MLflow."""
        hidden = {"tracking_uri": "", "signer": None, "payer": None, "cosigners": (), "web3": None}
        return replace(self, settings=self.settings.model_copy(update=hidden))

    def metered(self, meter: Meter, *, answers: AnswerJournal | None = None) -> AbstractContextManager[None]:
        """Where the program is built and run: all that it asks passes `meter`."""
        return program_metered(
            meter,
            models=[model for model in (self.settings.lm, self.settings.judge_lm) if model is not None],
            has_own_clients=self.source.asks_models_by_itself,
            unmetered=self.settings.program_process.unmetered,
            answers=answers,
        )

    def scoring_lm(self, meter: Meter, *, answers: AnswerJournal | None = None) -> Any:
        """The program's model behind `meter`; with the answers that an earlier try paid for."""
        return metered(build_lm(self.settings.lm), meter, retries=self.settings.lm.num_retries, answers=answers)

    def score_cache(self, state: Digest, channel: Channel) -> ScoreCache:
        """What is known of the answers of a program state, from this run and those before."""
        if self.code_digest is None:
            return ScoreCache(on_answer=channel.step)
        fingerprint = digest_of({"form": SCORE_FORM, **self._scoring})
        journal = Journal(self.settings.storage_uri, f"scores/{fingerprint[:16]}/{state}", fingerprint=fingerprint)
        channel.to_close.append(journal)
        return ScoreCache(journal, on_answer=channel.step)

    @property
    def _scoring(self) -> dict[str, Any]:
        """All that the score of a state's answer depends on."""
        return {
            "code": self.code_digest,
            "metric": self.config.gate.metric,
            "metric_version": METRIC_VERSION,
            "direction": self.config.gate.direction,
            "objective": self.config.gate.objective,
            "judge": self._judge_identity,
            "lm": self.settings.lm.identity,
            "fields": self.fields.model_dump(mode="json"),
            "dspy": _dspy_version(),
        }

    @property
    def bootstrap_shelf(self) -> BootstrapShelf | None:
        """None where nothing says what the traces are of, or what is learned from now may be sealed later."""
        split, optimization = self.config.split, self.config.optimization
        if self.code_digest is None or not optimization.reuse_bootstraps or split.by_count or split.time_order:
            return None
        terms = {
            "form": FORM,
            "program": self.config.name,
            "good_from": optimization.min_quality_score,
            "split": split.model_dump(mode="json"),
            **self._scoring,
        }
        return BootstrapShelf(self.settings.storage_uri, digest_of(terms), self.key)

    @property
    def judging(self) -> Judging:
        """How answers are scored, before a model is there to be asked."""
        return Judging(self.config.gate, folders_of(self.settings.programs_dir, self.config.slug))

    @property
    def _judge_identity(self) -> Any:
        gate = self.config.gate
        if gate.metric != JUDGE:
            return None
        return {"lm": (self.settings.judge_lm or self.settings.lm).identity, "instructions": gate.judge.instructions}

    def _checkpoint(self, part: str) -> str:
        window = self.key.window
        run = sha256_hex(f"{self.key.program}/{window.start_ms}/{window.end_ms}".encode())
        return f"checkpoints/{run[:32]}/{part}"

    def _fingerprint(self, snapshot: Snapshot, champion: Blob | None) -> Digest:
        starts_there = self.config.optimization.start_from is StartFrom.CHAMPION
        return digest_of(
            {
                "run": self.key.fingerprint,
                "data": snapshot.digest,
                "start": champion.digest if champion is not None and starts_there else None,
                "dspy": _dspy_version(),
            }
        )


class _Spent:
    """What a process spent, as it last said."""

    def __init__(self) -> None:
        self.last = Spend()

    def hear(self, spend: Spend) -> None:
        """It said so much."""
        self.last = spend

    @contextmanager
    def told_if_lost(self, tell: Callable[[Spend], None]) -> Iterator[None]:
        """Where no result says what it took, tell it."""
        try:
            yield
        except BaseException:
            if self.last.calls:
                tell(self.last)
            raise


@dataclass(frozen=True)
class SelectJob:
    """Choosing among candidates, on its way to a process of its own."""

    optimization: Optimization
    snapshot: Snapshot
    candidates: tuple[Candidate, ...]

    title = "Selecting a candidate"

    def run(self, channel: Channel) -> Selection:
        """Do it."""
        return self.optimization.select_here(self.snapshot, self.candidates, channel)


def _dspy_version() -> str:
    from importlib.metadata import version

    return version("dspy")

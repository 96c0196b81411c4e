"""The stages in their order, without Airflow. Each stage runs once per idempotency key and is read back after."""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from teleprompt.config.files import folders_of, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.environment import system_user
from teleprompt.evaluate.describe import DescribeJob, ProgramDescription, describe_program
from teleprompt.evaluate.judging import Judging
from teleprompt.gate.comparison import Comparison
from teleprompt.gate.stage import Gate
from teleprompt.gate.trial_ledger import OPENED
from teleprompt.lm.meter import Spend
from teleprompt.lm.stage_spend import with_spend, with_whole_spend
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.optimization import Optimization
from teleprompt.optimize.optimizer_parameters import optimizer_parameters
from teleprompt.optimize.select import Selection
from teleprompt.pipeline._collected import collect_for
from teleprompt.pipeline._load_check import check_loads
from teleprompt.pipeline._rewritten import check_it_fits
from teleprompt.pipeline.borrowed import BORROWED, Borrowed, borrow
from teleprompt.pipeline.comparing import Comparing
from teleprompt.pipeline.promotion import Promotion
from teleprompt.program.code import ProgramCode, code_of
from teleprompt.program.fields import ProgramFields
from teleprompt.program.fingerprint import code_digest, run_key, trial_terms
from teleprompt.program.source import ProgramFile, ProgramObject
from teleprompt.records import Digest
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.registry.exploration import Exploration, keep_exploration
from teleprompt.registry.version_files import VersionFiles
from teleprompt.registry.versions import ProgramVersion, ensure_baseline
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.pipeline_run import FIRST_COMPILE, PipelineRun
from teleprompt.tracking.progress_tags import ProgressTags
from teleprompt.tracking.run_key import RunKey
from teleprompt.tracking.stage_records import StageRecords
from teleprompt.window import Window

log = logging.getLogger(__name__)


class Pipeline:
    """One program, one window, one environment: what all stages of a run share."""

    def __init__(
        self,
        source: ProgramFile | ProgramObject,
        *,
        config: ProgramConfig,
        code: ProgramCode | None,
        settings: Settings,
        window: Window,
    ) -> None:
        self._source = source
        self.code = code
        self.config = config
        self.settings = settings
        self.window = window
        self.actor = system_user()
        """Who runs it, for the log of changes."""
        self.watch: Callable[[str], None] = lambda _text: None
        """Told how far a running stage is, a line at a time."""

    @classmethod
    def of_file(
        cls, file: Path, *, settings: Settings, window: Window, overrides: dict[str, Any] | None = None
    ) -> Self:
        """The pipeline of a program file; `overrides` are laid over what it says.

        Raises:
            ProgramFileError: the file cannot be used, or its Python code by its looks; it is not run yet.
        """
        config = load_program_file(file, overrides=overrides)
        code = code_of(file, config.entry_point)
        code.check(file)
        source = ProgramFile(file, config.entry_point, config.declaration)
        return cls(source, config=config, code=code, settings=settings, window=window)

    @cached_property
    def key(self) -> RunKey:
        """What makes another run the same run."""
        return run_key(self.config, code_digest=self._code_digest, settings=self.settings, window=self.window)

    @property
    def did_work(self) -> bool:
        """Whether a stage was done here; False while all were only read back."""
        return bool(self._records.made)

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds that the program's strategy compiles."""
        return self.config.optimization.seeds

    def collect(self) -> SnapshotRecord:
        """Snapshot the window's traces.

        Raises:
            InsufficientTracesError: fewer usable traces than the program asks for.
        """
        self._described  # noqa: B018 - the program is built first; one that cannot be costs nothing more

        def stage(run: PipelineRun) -> SnapshotRecord:
            self._optimization(self._described.fields.known()).preflight()
            run.describe(**optimizer_parameters(self.config.optimization))
            return collect_for(
                run, self.key, config=self.config, declared=self._described.fields, settings=self.settings
            )

        return self._records.once("snapshot", SnapshotRecord, stage)

    def restart_clock(self) -> None:
        """The run is begun, or begun again: its time limit counts from the next compile."""
        with self._records.open() as run:
            run.restart(FIRST_COMPILE)

    def baseline(self) -> ProgramVersion:
        """The champion that this run compares with; registers the program as written when there is none.

        It is looked up anew until a trial was opened against it, or the comparison was made: a run that is tried again
        weeks later must not compare with a champion of the past.

        Raises:
            ConfigurationError: the program's predictors or fields are not those that its versions have states for.
        """
        described = self._described
        with self._records.open() as run:
            known = run.read("baseline", ProgramVersion)
            if known is not None and (run.is_tagged(OPENED) or run.read("gate", Comparison) is not None):
                return known
            check_it_fits(run, self.config, described.state.encode())
            version = ensure_baseline(
                run.client,
                name=self.config.name,
                version_id=self.config.baseline_version,
                files=VersionFiles.of(
                    self.code,
                    fields=described.fields.known(),
                    state=described.state.encode(),
                    experiment=self.config.traces.written_to,
                ),
                try_out=self._try_out(run.read("snapshot", SnapshotRecord), self.config.baseline_version),
                storage_uri=self.settings.storage_uri,
                who=self.actor,
            )
            explore = self.config.explore
            exploration = None if explore is None else Exploration.of(explore, described.fields.known())
            keep_exploration(run.client, self.config.name, exploration)
            run.write("baseline", version)
            return version

    def compile(self, snapshot: SnapshotRecord, baseline: ProgramVersion, *, seed: int) -> Candidate:
        """Compile one candidate from the train part."""

        def stage(run: PipelineRun) -> Candidate:
            progress = ProgressTags(run, f"seed_{seed}")
            show = self._shown(progress)
            taken = read_snapshot(snapshot)
            compiled = self._optimization(taken.fields).compile(
                taken,
                seed=seed,
                champion=baseline.state,
                seconds=self._seconds_for_a_candidate(run),
                on_progress=lambda now: show(now.in_words()),
                on_lost=lambda lost: self._note_whole_spend(f"compile_seed_{seed}", lost),
            )
            self._note_whole_spend(f"compile_seed_{seed}", compiled.spend)
            progress.end(
                f"seed {seed}, {compiled.spend.calls} calls, "
                f"{compiled.error or compiled.invalid or compiled.cut_short or 'done'}"
            )
            return compiled

        candidate = self._records.once(
            f"candidate_{seed}", Candidate, stage, is_final=lambda candidate: candidate.is_final
        )
        if not candidate.is_final:
            return candidate
        taken = read_snapshot(snapshot)
        self._optimization(taken.fields).forget_checkpoint(taken, seed=seed, champion=baseline.state)
        return candidate

    def _seconds_for_a_candidate(self, run: PipelineRun) -> float:
        optimization = self.config.optimization
        left = optimization.timeout_seconds - run.seconds_since(FIRST_COMPILE)
        return min(left, optimization.candidate_timeout_seconds or left)

    def select(self, snapshot: SnapshotRecord, candidates: Sequence[Candidate]) -> Selection:
        """Choose the best candidate on the select part; a seed of which no candidate is given counts as failed."""
        given = {candidate.seed: candidate for candidate in candidates}
        candidates = [
            given.get(seed) or Candidate.failed(seed, "its task failed, and its log says why") for seed in self.seeds
        ]

        def stage(run: PipelineRun) -> Selection:
            show = self._shown(ProgressTags(run, "select"))
            taken = read_snapshot(snapshot)
            selection = self._optimization(taken.fields).select(
                taken,
                [*candidates, *self._borrowed(run, taken)],
                on_rung=lambda programs, examples: show(f"{programs} candidates on {examples} examples"),
                on_lost=lambda lost: self._note_whole_spend("select", lost),
            )
            self._note_whole_spend("select", selection.spend_select or Spend())
            if selection.cut_short:
                run.tag(cut_short="; ".join(selection.cut_short))
            return selection

        selection = self._records.once("selection", Selection, stage)
        if not self.config.optimization.enable_deltaone_check:  # nothing comes after
            with self._records.open() as run:
                run.end()
        return selection

    def _borrowed(self, run: PipelineRun, taken: Snapshot) -> list[Candidate]:
        """What other programs offer; found once a run."""
        if not self.config.learn_from:
            return []
        borrowed, champion = run.read(BORROWED, Borrowed), run.read("baseline", ProgramVersion)
        if borrowed is None and champion is not None:
            borrowed = borrow(
                run.client,
                self.config.learn_from,
                own=champion.state,
                fields=taken.fields,
                select=taken.parts[Part.SELECT],
                config=self.config.optimization,
                storage_uri=self.settings.storage_uri,
            )
            run.write(BORROWED, borrowed)
        return borrowed.candidates() if borrowed else []

    def note_approval(self) -> None:
        """Write into the audit trail that who runs this let the promotion happen; once."""
        with self._records.open() as run:
            append(
                run.client,
                self.config.name,
                AuditEvent(deed=AuditAction.APPROVE, who=self.actor, about=self.key.digest),
            )

    @cached_property
    def comparing(self) -> Comparing:
        """The stages that judge a candidate."""
        return Comparing(
            config=self.config,
            key=self.key,
            actor=self.actor,
            records=self._records,
            terms=lambda: trial_terms(self.config, code_digest=self._code_digest, settings=self.settings),
            gate_of=self._gate,
            note_spend=self._note_spend,
        )

    @cached_property
    def promotion(self) -> Promotion:
        """What follows a comparison that promotes."""
        return Promotion(
            config=self.config,
            settings=self.settings,
            code=self.code,
            code_digest=self._code_digest,
            key=self.key,
            actor=self.actor,
            records=self._records,
            try_out=self._try_out,
        )

    def _try_out(self, snapshot: SnapshotRecord | None, version_id: str) -> Callable[[VersionFiles], None]:
        """What is done with a version's files before they become one.

        Not with those of a notebook or script: to import a script is to run it.
        """
        if isinstance(self._source, ProgramObject):
            return lambda _files: None
        where = f"{self.config.name} {version_id}"
        return check_loads(
            self.config,
            self.settings,
            snapshot,
            self._source,
            where=where,
            on_spend=lambda spend: self._note_spend("load", spend),
        )

    def _note_spend(self, stage: str, spend: Spend) -> None:
        with self._records.open() as run:
            run.measure(**with_spend(run.measures(), stage, spend))

    def _note_whole_spend(self, stage: str, spend: Spend) -> None:
        """Of a stage that keeps its answers: what a further try spent holds what those before it did."""
        with self._records.open() as run:
            run.measure(**with_whole_spend(run.measures(), stage, spend))

    def _shown(self, progress: ProgressTags) -> Callable[[str], None]:
        def show(text: str) -> None:
            self.watch(text)
            progress.show(text)

        return show

    @cached_property
    def _records(self) -> StageRecords:
        return StageRecords(self.settings.tracking_uri, self.key)

    @cached_property
    def _described(self) -> ProgramDescription:
        """The program as written; found out once a run, where its code may run."""
        judging = Judging(self.config.gate, folders_of(self.settings.programs_dir, self.config.slug))
        source = self._source
        if isinstance(source, ProgramObject):  # it lives in this process already
            return DescribeJob(source, judging).run()
        config = self.settings.program_process
        return self._records.once(
            "program", ProgramDescription, lambda _run: describe_program(source, judging, config=config)
        )

    def _optimization(self, fields: ProgramFields) -> Optimization:
        return Optimization(
            source=self._source,
            config=self.config,
            settings=self.settings,
            fields=fields,
            key=self.key,
            code_digest=code_digest(self.config, own=self._code_digest, settings=self.settings) if self.code else None,
        )

    def _gate(self, fields: ProgramFields) -> Gate:
        return Gate(
            config=self.config,
            fields=fields,
            optimization=self._optimization(fields),
            storage_uri=self.settings.storage_uri,
            fleet=self.settings.fleet,
            public_log=self.settings.public_log,
        )

    @cached_property
    def _code_digest(self) -> Digest:
        if self.code:
            return self.code.digest
        return sha256_hex(DescribeJob(self._source, None).run().state.encode())

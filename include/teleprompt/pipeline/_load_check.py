"""A version is loaded and called in a fresh process and an empty folder before any alias may point at it."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.fields import Declaration
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.errors import ConfigurationError, language_model_error
from teleprompt.evaluate.examples import good_rows, to_examples
from teleprompt.evaluate.quiet_dspy import quiet_dspy
from teleprompt.lm.build import build_lm
from teleprompt.lm.meter import CallsStopped, Meter, ModelGone, Spend
from teleprompt.lm.metered import metered
from teleprompt.lm.program_meter import program_metered
from teleprompt.program.channel import Channel
from teleprompt.program.fields import ProgramFields
from teleprompt.program.process import run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.program.source import ProgramFile, ProgramObject
from teleprompt.records import Record
from teleprompt.registry.version_files import VersionFiles
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import SnapshotRecord, read_rows, read_snapshot
from teleprompt.traces.split import Part

log = logging.getLogger(__name__)

MOST_CALLS = 3
"""A program may fail on one example for reasons of its own."""


class LoadCheck(Record):
    """That a version works where nothing lies but what it carries."""

    spend: Spend


@dataclass(frozen=True)
class LoadCheckJob:
    """Load a version from its files alone, and call it with what production was asked."""

    files: VersionFiles
    where: str
    """The version, in messages."""
    declaration: Declaration
    fields: ProgramFields
    rows: tuple[TraceRow, ...]
    lm: LMConfig
    budget: BudgetConfig
    seconds: float
    has_own_clients: bool
    unmetered: tuple[str, ...]

    title = "Loading the version"

    def run(self, channel: Channel | None = None) -> LoadCheck:
        """Do it here.

        Raises:
            ConfigurationError: the version lacks something.
            LanguageModelUnavailableError: the model does not answer.
        """
        del channel
        meter = Meter(self.budget, timeout_seconds=self.seconds)
        with program_metered(meter, models=[self.lm], has_own_clients=self.has_own_clients, unmetered=self.unmetered):
            return self._loaded(meter)

    def _loaded(self, meter: Meter) -> LoadCheck:
        built = ProgramObject(self.files.build(where=self.where), self.declaration).build()
        lm = metered(build_lm(self.lm), meter, retries=self.lm.num_retries)
        failures = []
        try:
            for example in to_examples(self.rows, built.typed(self.fields)):
                failure = _failure(built.module, dict(example.inputs().items()), lm)
                if failure is None:
                    return LoadCheck(spend=meter.spend)
                failures.append(failure)
        except CallsStopped:
            return LoadCheck(spend=meter.spend)
        except ModelGone as gone:
            raise language_model_error(gone.cause) from None
        if failures:
            raise ConfigurationError(
                f"{self.where} was loaded where nothing lies but its own files, and could not be called there "
                f"({failures[0]}); put what the program reads into a folder of its own, include/programs/<name>/."
            )
        return LoadCheck(spend=meter.spend)


def _failure(program: Any, inputs: dict[str, Any], lm: Any) -> str | None:
    """What kept the program from asking its model, or from making use of the answer; without a user's text."""
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMError, LMInvalidRequestError

    try:
        with quiet_dspy(), dspy.context(lm=lm, callbacks=[], disable_history=True):
            program(**inputs)
    except (AdapterParseError, LMInvalidRequestError):
        return None  # the version works; how well, the gate has said
    except LMError as error:
        raise ModelGone(error) from error
    except OSError as error:
        return f"{type(error).__name__}: {Path(error.filename).name}" if error.filename else type(error).__name__
    except Exception as error:  # noqa: BLE001 - a program may raise anything
        return type(error).__name__
    return None


def check_loads(
    config: ProgramConfig,
    settings: Settings,
    snapshot: SnapshotRecord | None,
    source: ProgramFile,
    *,
    where: str,
    on_spend: Callable[[Spend], None] = lambda _spend: None,
) -> Callable[[VersionFiles], None]:
    """What tries the files of a version; without a snapshot it is loaded only. `on_spend` is told what that cost."""

    def check(files: VersionFiles) -> None:
        rows, fields = _examples(config, snapshot)
        job = LoadCheckJob(
            files, where, config.declaration, fields, rows, settings.lm, config.gate.budget,
            seconds=config.optimization.timeout_seconds,
            has_own_clients=source.asks_models_by_itself,
            unmetered=settings.program_process.unmetered,
        )  # fmt: skip
        with TemporaryDirectory(prefix="teleprompt-version-") as folder:
            empty, scratch = Path(folder) / "empty", Path(folder) / "tmp"
            empty.mkdir()
            scratch.mkdir()
            environment = process_environment(
                os.environ, more=settings.program_process.environment, models=[settings.lm]
            )
            found = run_in_process(
                job,
                LoadCheck,
                config=settings.program_process,
                environment={**environment, "TMPDIR": str(scratch)},  # where it lays the version's files
                seconds=settings.program_process.start_seconds + config.optimization.timeout_seconds,
                folder=empty,
                search_path=_without_project(settings.project_dir),
            )
        log.info("%s was loaded from its own files; it made %d calls", where, found.spend.calls)
        on_spend(found.spend)

    return check


def _examples(config: ProgramConfig, snapshot: SnapshotRecord | None) -> tuple[tuple[TraceRow, ...], ProgramFields]:
    if snapshot is None:
        return (), ProgramFields(inputs=(), outputs=())
    taken = read_snapshot(snapshot)
    good = good_rows(read_rows(taken.parts[Part.TRAIN]), min_quality_score=config.optimization.min_quality_score)
    return tuple(good[:MOST_CALLS]), taken.fields


def _without_project(project: Path) -> list[str]:
    """Python's search path but for the project, which does not lie where the version is served."""
    ours, installed = Path(__file__).resolve().parents[2], Path(sys.prefix).resolve()

    def is_kept(entry: str) -> bool:
        place = Path(entry).resolve()
        return place == ours or place.is_relative_to(installed) or not place.is_relative_to(project.resolve())

    return [entry for entry in sys.path if entry and is_kept(entry)]

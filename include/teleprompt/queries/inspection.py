"""What a run over a window would use, seen without running it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from teleprompt.config.program import ProgramConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.evaluate.describe import describe_program
from teleprompt.program.source import ProgramFile
from teleprompt.traces.check_source import SourceCheck, check_source
from teleprompt.traces.collect import collect_snapshot
from teleprompt.traces.profile import Profile, profile_of
from teleprompt.traces.snapshot import read_snapshot
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.of_program import maturing, program_sources
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


def try_source(
    client: "MlflowClient", file: Path, config: ProgramConfig, window: Window, *, process: ProgramProcessConfig
) -> dict[str, SourceCheck]:
    """Try whether the program's sources keep what sources promise; by kind.

    Raises:
        TelepromptError: the program's code cannot be used, or there is no such source.
        TrackingUnavailableError: MLflow does not answer.
    """
    described = describe_program(ProgramFile(file, config.entry_point, config.declaration), None, config=process)
    with open_store(client) as store:
        sources = program_sources(store, config, declared=described.fields)
        return {
            source.kind: check_source(source, config.name, maturing(window, config), config.outcome)
            for source in sources
        }


def inspect_window(
    client: "MlflowClient", file: Path, config: ProgramConfig, window: Window, *, process: ProgramProcessConfig
) -> Profile:
    """Collect the window as a run would, and say what was used, what dropped and why; nothing is left behind.

    Raises:
        TelepromptError: the program's code cannot be used.
        TrackingUnavailableError: MLflow does not answer.
    """
    described = describe_program(ProgramFile(file, config.entry_point, config.declaration), None, config=process)
    looking = config.model_copy(update={"traces": config.traces.model_copy(update={"incremental": False})})
    with TemporaryDirectory(prefix="teleprompt-inspect-") as folder:
        found = collect_snapshot(
            client,
            config=looking,
            declared=described.fields,
            window=window,
            storage_uri=folder,
            least=0,
        )
        least = config.optimization.min_quality_score
        return profile_of(read_snapshot(found.snapshot), good_from=least, instead=found.instead)

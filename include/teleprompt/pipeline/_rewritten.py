"""What a run is told at its beginning of a program that was rewritten since its versions were registered."""

import logging

from teleprompt.config.optimization import StartFrom
from teleprompt.config.program import ProgramConfig
from teleprompt.errors import ConfigurationError
from teleprompt.program.rewritten import rewritten
from teleprompt.registry.versions import state_as_registered
from teleprompt.tracking.pipeline_run import PipelineRun

log = logging.getLogger(__name__)


def check_it_fits(run: PipelineRun, config: ProgramConfig, state: bytes) -> None:
    """Compare `state`, the program's as written now, with the one that its versions come from; the run keeps a note.

    Raises:
        ConfigurationError: the champion's state would not fit the program.
    """
    then = state_as_registered(run.client, config.name, config.baseline_version)
    if then is None:
        return
    changed = rewritten(then, state)
    if changed.shape:
        raise ConfigurationError(
            f"{config.name} was rewritten since its version {config.baseline_version} was registered "
            f"({'; '.join(changed.shape)}), so its champion cannot be run with this code; raise `baseline_version`."
        )
    if not changed.text:
        return
    starts_there = config.optimization.start_from is StartFrom.CHAMPION
    begins = "candidates begin with that, too" if starts_there else "candidates begin with the new text"
    note = (
        f"What {' and '.join(changed.text)} tells the model changed since version {config.baseline_version} of "
        f"{config.name} was registered; the champion keeps its own text, and {begins}. Raise `baseline_version` to "
        "make the program as written the champion."
    )
    log.warning("%s", note)
    run.tag(rewritten=note)

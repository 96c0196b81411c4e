"""What makes a run of a program the same run."""

from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.config.settings import Settings
from include.teleprompt.program.entry_point import code_file, file_digest
from include.teleprompt.records import Digest
from include.teleprompt.tracking.run_key import RunKey
from include.teleprompt.window import Window


def run_key(config: ProgramConfig, *, code_digest: Digest, settings: Settings, window: Window) -> RunKey:
    """The idempotency key of a run of the program `config` over `window`; costs no import of DSPy or MLflow."""
    digests = [code_digest]
    if ":" in config.gate.metric:
        digests.append(file_digest(code_file(settings.programs_dir / "_", config.gate.metric)))
    fingerprint = config.fingerprint(code_digests=digests, lm=settings.lm)
    return RunKey(program=config.name, window=window, fingerprint=fingerprint)

"""What makes a run of a program the same run."""

from teleprompt.config.files import folders_of
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.program.code import function_code
from teleprompt.records import Digest
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window


def code_digest(config: ProgramConfig, *, own: Digest, settings: Settings) -> Digest:
    """One digest of the program's code, `own`, and of its metric's."""
    return digest_of(_code_digests(config, own, settings))


def run_key(config: ProgramConfig, *, code_digest: Digest, settings: Settings, window: Window) -> RunKey:
    """The idempotency key of a run of the program `config` over `window`; costs no import of DSPy or MLflow."""
    digests = _code_digests(config, code_digest, settings)
    fingerprint = config.fingerprint(
        code_digests=digests, lm=settings.lm, prompt_lm=settings.prompt_lm, judge_lm=settings.judge_lm
    )
    return RunKey(program=config.name, window=window, fingerprint=fingerprint)


def _code_digests(config: ProgramConfig, own: Digest, settings: Settings) -> list[Digest]:
    if ":" not in config.gate.metric:
        return [own]
    folders = folders_of(settings.programs_dir, config.slug)
    return [own, function_code(config.gate.metric, folders).digest]

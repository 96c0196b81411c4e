"""What makes a run of a program the same run."""

from teleprompt.config.files import folders_of
from teleprompt.config.gate import JUDGE, METRIC_VERSION
from teleprompt.config.program import TRACES_NOT_DECISIVE, ProgramConfig
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


def trial_terms(config: ProgramConfig, *, code_digest: Digest, settings: Settings) -> dict[str, Digest]:
    """What the scores and the verdict of a trial depend on, by name; how candidates are found is none of it."""
    judge = settings.judge_lm if config.gate.metric == JUDGE else None
    gate = config.gate.model_dump(mode="json", include={"metric", "direction", "objective", "tolerance"})
    judging = config.gate.judge.model_dump(mode="json", include={"instructions"}) if judge else None
    terms = {
        "program": [code_digest, config.model_dump(mode="json", include={"inputs", "outputs"})],
        "metric": [METRIC_VERSION, gate, judging, *_code_digests(config, code_digest, settings)[1:]],
        "labels": [
            config.model_dump(mode="json", include={"outcome", "curation"}),
            config.traces.model_dump(mode="json", exclude=TRACES_NOT_DECISIVE),
            config.optimization.min_quality_score,
        ],
        "model": [settings.lm.identity, judge and judge.identity],
        "split": config.split.model_dump(mode="json"),
        "policy": [
            config.trial and config.trial.model_dump(mode="json"),
            config.optimization.deltaone_threshold,
            config.gate.model_dump(mode="json", include={"claim", "guardrails"}),
        ],
    }
    return {name: digest_of(term) for name, term in terms.items()}

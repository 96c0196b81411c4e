"""The documents' `TelepromptFinetuner`: the same stages, for a program that is held in a notebook or script."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from teleprompt.attest.figures import performance_of
from teleprompt.attest.signing import sign
from teleprompt.attribution.attribute import Attribution, Credit
from teleprompt.config.files import ProgramFileError, find_program_file, load_program_file
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.outcome import OutcomeConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import ConfigurationError, NothingToCompareError, TelepromptError
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.promotion import ComparedCandidate, attribute_selection
from teleprompt.pipeline.whole_run import SelectedCandidate, gate_candidate, patiently, select_candidate
from teleprompt.program.code import ProgramCode, code_beside
from teleprompt.program.source import ProgramObject
from teleprompt.program.state import load_state
from teleprompt.records import from_millionths
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.published import publish_version
from teleprompt.signing.signer import open_signer
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.snapshot import Snapshot, read_snapshot
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window


@dataclass(frozen=True)
class OptimizationResult:
    """What `run_optimization` found; where it did not succeed, `error` says why and what to do."""

    success: bool
    error: str | None = None
    trace_count: int = 0
    optimized_program: Any = None
    contributors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By contributor id: `address`, `weight`, `trace_count`, `avg_score`."""
    strategy: str = ""
    optimization_time_seconds: float = 0.0
    stages: "_Stages | None" = None
    """What the later methods of the finetuner go on from."""


@dataclass(frozen=True)
class _Stages:
    pipeline: Pipeline
    found: SelectedCandidate
    snapshot: Snapshot
    attribution: Attribution


class TelepromptFinetuner:
    """Optimises a DSPy program from the traces of a window.

    Args:
        config: sizes, limits and strategy.
        settings: MLflow, storage, language model and signer; by default those of the environment.
    """

    def __init__(self, config: OptimizationConfig | None = None, *, settings: Settings | None = None) -> None:
        self.config = config or OptimizationConfig()
        self.settings = settings or Settings()

    def run_optimization(
        self, program: Any, start_date: datetime, end_date: datetime, outcome_metric: str = "outcome_score"
    ) -> OptimizationResult:
        """Collect the traces of `[start_date, end_date)`, compile candidates and select one.

        Times without a zone are local, as everywhere in Python.
        `program` is a `dspy.Module`; its traces are those whose `dspy_program_name` is its class name, or its
        attribute `program_name`.
        """
        try:
            stages = self._run(program, Window.of_datetimes(start_date, end_date), outcome_metric)
        except TelepromptError as error:
            return OptimizationResult(success=False, error=str(error))
        _rest(stages.pipeline)
        return OptimizationResult(
            success=True,
            trace_count=stages.snapshot.trace_count,
            optimized_program=load_state(program, get_blob(stages.found.selection.state)),
            contributors={credit.contributor_id: _contributor(credit) for credit in stages.attribution.credits},
            strategy=self.config.strategy.value,
            optimization_time_seconds=stages.found.selection.seconds,
            stages=stages,
        )

    def evaluate_deltaone(self, result: OptimizationResult) -> dict[str, Any]:
        """Compare the optimised program with the running one on sealed examples.

        The documents' keys `deltaone_achieved`, `performance_delta`, `baseline_metrics`, `optimized_metrics`, and
        `verdict`, `reason`, `confidence_interval`, `n`. Achieved means promoted: large enough and shown. Where the
        search found nothing to compare, no sealed example was opened: `n` is 0, and there are no metrics.
        """
        try:
            comparison = self._compared(_stages(result)).comparison
        except NothingToCompareError as error:
            return _nothing_compared(str(error))
        _rest(_stages(result).pipeline)
        report = comparison.report
        return {
            **performance_of(comparison.report, comparison.metric),
            "deltaone_achieved": report.verdict is Verdict.PROMOTE,
            "verdict": report.verdict.value,
            "reason": report.reason,
            "confidence_interval": (
                from_millionths(report.ci_low_e6),
                from_millionths(report.ci_high_e6),
            ),
            "n": report.n,
        }

    def generate_attestation(self, result: OptimizationResult, deltaone: Mapping[str, Any]) -> dict[str, Any]:
        """The attestation of an achieved DeltaOne, in the specification's format; signed where there is a signer.

        Raises:
            ConfigurationError: DeltaOne was not achieved.
        """
        stages = _stages(result)
        if not deltaone["deltaone_achieved"]:
            raise ConfigurationError(f"There is nothing to attest: {deltaone['reason']}")
        compared, promotion = self._compared(stages), stages.pipeline.promotion
        attestation = promotion.compose(compared, promotion.credit(compared))
        _rest(stages.pipeline)
        return sign(attestation, [open_signer(signer) for signer in self.settings.signers]).to_dict()

    def save_optimized_model(self, result: OptimizationResult, model_name: str) -> dict[str, Any]:
        """Register the optimised program, attest it, and publish it as a version of `model_name`.

        As in a run of the DAG the program's new version becomes champion, and its attestation is kept with the run:
        `teleprompt status`, `attest`, `rewards` and `versions` know it. `model_name` may be the program's own name; in
        another model the copy gets the alias `champion`.

        Returns `model_name`, `version`, `version_id`, `deltaone`, and `alias`. That is None where another version
        became champion meanwhile; then the version stays one of the program's own. Saving the same result again adds
        no version.

        Raises:
            ConfigurationError: the gate did not promote it, the DeltaOne check is switched off, or the program's file
                asks for an approval or a rollout.
            NothingBetterError: there was nothing to compare.
        """
        stages = _stages(result)
        self._check_may_promote(stages)
        compared, promotion = self._compared(stages), stages.pipeline.promotion
        if compared.comparison.report.verdict is not Verdict.PROMOTE:
            raise ConfigurationError(f"Only a promoted program is registered: {compared.comparison.report.reason}")
        version = patiently(stages.pipeline, lambda: promotion.promote(compared))
        saved = {
            "model_name": version.program,
            "version": version.number,
            "version_id": version.version_id,
            "deltaone": True,
            "alias": version.alias,
        }
        if version.alias != CHAMPION:
            return saved
        patiently(stages.pipeline, lambda: promotion.attest(compared, version))
        if model_name == version.program:
            return saved
        with mlflow_client(self.settings.tracking_uri) as client:
            number = publish_version(client, version.program, version.number, to=model_name)
        return {**saved, "model_name": model_name, "version": number}

    def _check_may_promote(self, stages: "_Stages") -> None:
        """What a program file asks for before a promotion holds for Python, too.

        Raises:
            ConfigurationError: naming it.
        """
        if not self.config.enable_deltaone_check:
            raise ConfigurationError(
                "With `enable_deltaone_check=False` nothing is promoted, so no version is saved; switch it on."
            )
        name = stages.pipeline.config.name
        written = _program_file(self.settings, name)
        if written is None:
            return
        if written.approval is not None or written.rollout.share is not None:
            asked = "an approval" if written.approval is not None else "a rollout"
            raise ConfigurationError(
                f"The program file of {name} asks for {asked} before a promotion; promote it by its DAG or by "
                "`teleprompt run`, or take that out of the file."
            )
        if stages.pipeline.code is None:
            raise ConfigurationError(
                f"{name} was defined in a notebook, and no server could load it in place of the version whose code "
                "lies beside its program file; run the optimization with that code."
            )

    def _run(self, program: Any, window: Window, outcome_metric: str) -> _Stages:
        name = getattr(program, "program_name", None) or type(program).__name__
        config = ProgramConfig(
            name=name,
            slug=_slug(name),
            outcome=OutcomeConfig(metric=outcome_metric),
            optimization=self.config,
            trial=None,
        )
        pipeline = Pipeline(
            ProgramObject(program), config=config, code=_code(program), settings=self.settings, window=window
        )
        found = select_candidate(pipeline)
        with pipeline.promotion.records.open() as run, run.under_way():
            attribution = attribute_selection(run, config, found.snapshot, found.selection, None)
        return _Stages(pipeline=pipeline, found=found, snapshot=read_snapshot(found.snapshot), attribution=attribution)

    def _compared(self, stages: _Stages) -> ComparedCandidate:
        return gate_candidate(stages.pipeline, stages.found)


def _stages(result: OptimizationResult) -> _Stages:
    if result.stages is None:
        raise ConfigurationError(f"The optimization did not succeed: {result.error}")
    return result.stages


def _program_file(settings: Settings, name: str) -> ProgramConfig | None:
    """What the program file of that name says; None where there is none."""
    try:
        return load_program_file(find_program_file(settings.programs_dir, name))
    except ProgramFileError:
        raise
    except ConfigurationError:
        return None


def _rest(pipeline: Pipeline) -> None:
    """Nothing runs until the next method is called, if ever; that starts the run again."""
    with pipeline.promotion.records.open() as run:
        run.end()


def _nothing_compared(why: str) -> dict[str, Any]:
    return {
        "deltaone_achieved": False,
        "performance_delta": 0.0,
        "baseline_metrics": {},
        "optimized_metrics": {},
        "verdict": Verdict.INCONCLUSIVE.value,
        "reason": why,
        "confidence_interval": None,
        "n": 0,
    }


def _contributor(credit: Credit) -> dict[str, Any]:
    return {
        "address": credit.address,
        "weight": from_millionths(credit.weight_e6),
        "trace_count": credit.trace_count,
        "avg_score": from_millionths(credit.avg_score_e6),
    }


def _slug(name: str) -> str:
    """`EmailDraft` as `email_draft`."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()


def _code(program: Any) -> ProgramCode | None:
    """Where the program's class was written, if that was in a file."""
    try:
        file = inspect.getsourcefile(type(program))
    except TypeError:
        file = None
    if file is None or not Path(file).is_file() or type(program).__module__.startswith("dspy."):
        return None
    return code_beside(Path(file).parent, Path(file).stem, type(program).__name__)

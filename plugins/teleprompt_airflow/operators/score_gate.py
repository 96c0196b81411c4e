"""The gate alone, in any DAG: over two score sources that other tasks, or other tools, have written."""

import shutil
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.asked import asked_for
from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.operators.base import domain_errors

if TYPE_CHECKING:
    from teleprompt.deltaone.report import GateReport
    from teleprompt.deltaone.trial_report import TrialReport
    from teleprompt.score_files.outcome import Outcome
    from teleprompt.score_files.pairing import Pairs


class ScoreOperator(BaseOperator):
    """Base of the operators over two score sources; the arguments are the options of `teleprompt gate`.

    :param baseline: scores of the program that runs: a path, the URI of an object storage (`s3://bucket/scores.csv`),
        or `runs:/ID` of the MLflow of the connection `mlflow_default`.
    :param candidate: scores of the program that might replace it.
    :param threshold: smallest gain worth having, as a share of the scale.
    :param claim: `significant`, or `proven`.
    :param alpha: two-sided error.
    :param lower_is_better: whether low scores are the good ones.
    :param id: column that names the example.
    :param score: column of the score, or a scorer's name.
    :param group: what names the group of an example.
    :param scale: the best score.
    :param conn_id: Airflow connection of the object storage.
    """

    template_fields: Sequence[str] = ("baseline", "candidate", "score", "group")
    metrics: tuple[str, ...] = ()
    """Further columns to read."""

    def __init__(
        self,
        *,
        baseline: str,
        candidate: str,
        threshold: float = 0.01,
        claim: str = Claim.SIGNIFICANT,
        alpha: float = 0.05,
        lower_is_better: bool = False,
        id: str | None = None,  # noqa: A002 - as the command calls it
        score: str | None = None,
        group: str | None = None,
        scale: float = 1.0,
        conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.baseline = baseline
        self.candidate = candidate
        self.asked = asked_for(threshold=threshold, claim=claim, alpha=alpha, lower_is_better=lower_is_better)
        self.id = id
        self.score = score
        self.group = group
        self.scale = scale
        self.conn_id = conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Read, pair, judge, and log the figures."""
        from teleprompt.score_files.columns import Columns
        from teleprompt.score_files.written import as_text
        from teleprompt.sdk.score_sources import pair_sources

        del context
        columns = Columns(self.id, self.score, self.group, self.metrics)
        with domain_errors(skip_without_traces=False):
            with self._fetched() as (baseline, candidate):
                mlflow = shared_settings().tracking_uri
                pairs = pair_sources(baseline, candidate, columns, scale=self.scale, tracking_uri=mlflow)
            report, outcome = self.decide(pairs)
        for line in as_text(outcome).splitlines():
            self.log.info("%s", line)
        return {
            "baseline": self.baseline,
            "candidate": self.candidate,
            "verdict": str(outcome.verdict),
            "reason": outcome.reason,
            "report": report.model_dump(mode="json"),
        }

    @abstractmethod
    def decide(self, pairs: "Pairs") -> "tuple[GateReport | TrialReport, Outcome]":
        """The report on these scores, and what it says to people."""

    @contextmanager
    def _fetched(self) -> Iterator[tuple[str, str]]:
        """Both sources, those of an object storage as files on this machine; errors name what was given."""
        with TemporaryDirectory(prefix="teleprompt-gate-") as folder:
            given = {"baseline": self.baseline, "candidate": self.candidate}
            local = {uri: self._fetch(uri, Path(folder, side)) for side, uri in given.items()}
            try:
                yield local[self.baseline], local[self.candidate]
            except ConfigurationError as error:
                text = str(error)
                for uri, path in local.items():
                    text = text.replace(path, uri)
                raise ConfigurationError(text) from error

    def _fetch(self, uri: str, folder: Path) -> str:
        """A path as it is; of what lies in an object storage that of a copy, with the program after a `#`."""
        if "://" not in uri:
            return uri
        from airflow.sdk import ObjectStoragePath

        place, slash, name = uri.rpartition("/")
        file, mark, program = name.partition("#")
        folder.mkdir()
        copy = folder / file
        try:
            stored = ObjectStoragePath(f"{place}{slash}{file}", conn_id=self.conn_id)
            with stored.open("rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target)
        except FileNotFoundError as error:
            raise ConfigurationError(f"There is no {place}{slash}{file}; check what was to write it.") from error
        except ValueError as error:
            raise ConfigurationError(
                f"Airflow does not read {place}{slash}{file} ({error}); install the provider of that object storage."
            ) from error
        return f"{copy}{mark}{program}"


class ScoreGateOperator(ScoreOperator):
    """Compares two programs by their scores on the same examples, once; returns the report with the verdict.

    A `DeltaOneBranchOperator` whose `comparison` is its output follows the verdict.

    :param guardrails: further metrics that must not get worse, as `{"metric": "latency", "tolerance": "20%"}`.
    """

    def __init__(self, *, guardrails: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.guardrails = tuple(Guardrail.model_validate(guardrail) for guardrail in guardrails)
        self.metrics = tuple(guardrail.metric for guardrail in self.guardrails)

    def decide(self, pairs: "Pairs") -> "tuple[GateReport, Outcome]":
        """By one look."""
        from teleprompt.score_files.outcome import of_comparison
        from teleprompt.score_files.verdict import judge

        report = judge(pairs, self.asked.policy, self.guardrails)
        return report, of_comparison(report, baseline=self.baseline, candidate=self.candidate)


class ScoreTrialOperator(ScoreOperator):
    """Adds a window to a trial, which a file keeps over many runs; returns the report of all windows so far.

    Whoever compares on a schedule needs it: its guarantee holds for all looks together. The task runs once at a time,
    for the file is read, added to, and replaced.

    :param trial: path of the trial's file, on a disk that all workers share; the first run begins it.
    :param window: what the scores are of, by default the run; the same one again changes nothing.
    :param horizon: windows after which the trial ends undecided.
    """

    template_fields: Sequence[str] = (*ScoreOperator.template_fields, "trial", "window")

    def __init__(self, *, trial: str, window: str = "{{ run_id }}", horizon: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"max_active_tis_per_dag": 1, **kwargs})
        self.trial = trial
        self.window = window
        self.asked = replace(self.asked, horizon=horizon)

    def decide(self, pairs: "Pairs") -> "tuple[TrialReport, Outcome]":
        """By all windows of the trial."""
        from teleprompt.score_files.outcome import of_trial
        from teleprompt.score_files.trial_look import look

        report, note = look(Path(self.trial), pairs, self.asked, window=self.window)
        if note is not None:
            self.log.warning("%s", note)
        return report, of_trial(report)

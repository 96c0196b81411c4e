"""The gate alone, in any DAG: over two score sources that other tasks, or other tools, have written."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import BaseOperator

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.outcome import of_comparison
from teleprompt.score_files.written import as_text
from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.operators.base import domain_errors


class ScoreGateOperator(BaseOperator):
    """Compares two programs by their scores on the same examples; returns the report with the verdict.

    A `DeltaOneBranchOperator` whose `comparison` is its output follows the verdict.

    :param baseline: scores of the program that runs: a path, the URI of an object storage (`s3://bucket/scores.csv`),
        or `runs:/ID` of the MLflow of the connection `mlflow_default`.
    :param candidate: scores of the program that might replace it.
    :param threshold: smallest gain worth having, as a share of the scale.
    :param claim: `significant`, or `proven`.
    :param alpha: two-sided error of this one look.
    :param lower_is_better: whether low scores are the good ones.
    :param guardrails: further metrics that must not get worse, as `{"metric": "latency", "tolerance": "20%"}`.
    :param id: column that names the example.
    :param score: column of the score, or a scorer's name.
    :param group: what names the group of an example.
    :param scale: the best score.
    :param conn_id: Airflow connection of the object storage.
    """

    template_fields: Sequence[str] = ("baseline", "candidate", "score", "group")

    def __init__(
        self,
        *,
        baseline: str,
        candidate: str,
        threshold: float = 0.01,
        claim: str = Claim.SIGNIFICANT,
        alpha: float = 0.05,
        lower_is_better: bool = False,
        guardrails: Sequence[Mapping[str, Any]] = (),
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
        self.threshold = threshold
        self.claim = claim
        self.alpha = alpha
        self.lower_is_better = lower_is_better
        self.guardrails = tuple(Guardrail.model_validate(guardrail) for guardrail in guardrails)
        self.id = id
        self.score = score
        self.group = group
        self.scale = scale
        self.conn_id = conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Read, pair, judge, and log the figures."""
        from teleprompt.sdk.compare_sources import compare_sources

        del context
        with domain_errors(skip_without_traces=False), self._fetched() as (baseline, candidate):
            report = compare_sources(
                baseline,
                candidate,
                threshold=self.threshold,
                claim=self.claim,
                alpha=self.alpha,
                lower_is_better=self.lower_is_better,
                guardrails=self.guardrails,
                id=self.id,
                score=self.score,
                group=self.group,
                scale=self.scale,
                tracking_uri=shared_settings().tracking_uri,
            )
        outcome = of_comparison(report, baseline=self.baseline, candidate=self.candidate)
        for line in as_text(outcome).splitlines():
            self.log.info("%s", line)
        return {
            "baseline": self.baseline,
            "candidate": self.candidate,
            "verdict": str(report.verdict),
            "reason": outcome.reason,
            "report": report.model_dump(mode="json"),
        }

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
        return f"{copy}{mark}{program}"

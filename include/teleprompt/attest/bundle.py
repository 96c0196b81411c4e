"""The recompute bundle: a document with the scores that its verdict rests on, for who has nothing else.

Of each sealed example it has a salted digest of the trace's id, what it shares with other examples (under names that
tell nothing), and both programs' scores: no question, no answer, and no name. The digest of all of it is signed in
`evidence.scores_digest`.
"""

import hashlib
import hmac
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, OfflineEvidence
from teleprompt.attest.figures import offline_figures, performance_of
from teleprompt.attest.load import strict_json
from teleprompt.attribution.trace_tree import trace_salt
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.gate.comparison import Comparison, stored_answers, verdict_on, window_scores
from teleprompt.gate.trial_fold import ComparedAnswer, WindowScores, fold
from teleprompt.records import MILLION, Digest, Record
from teleprompt.window import Window

MAX_BUNDLE_BYTES = 256 * 2**20
UNIT_LENGTH = 16

Score = Annotated[int, Field(ge=0, le=MILLION)]
Name = Annotated[str, Field(max_length=64)]
Example = tuple[Digest, Annotated[tuple[Name, ...], Field(min_length=1)], Score, Score]
"""Salted digest of the trace's id; its unit and, in a trial, what else an example of another window may share with it;
score of the baseline and of the optimized program in millionths."""


class BundleWindow(Record):
    """The sealed examples of one window, in the order in which they count."""

    start: AwareDatetime | None
    """None where a comparison stands on its own."""
    end: AwareDatetime | None
    examples: tuple[Example, ...]


class BundleScores(Record):
    """What the verdict follows from: what had to be shown, and the scores."""

    policy: TrialPolicy | GatePolicy
    windows: tuple[BundleWindow, ...]

    @property
    def digest(self) -> Digest:
        """SHA-256 of the RFC 8785 form, in which each window's examples stand as the SHA-256 of theirs."""
        windows = [
            {**window.model_dump(mode="json", exclude={"examples"}), "examples": digest_of(window.examples)}
            for window in self.windows
        ]
        return digest_of({"policy": self.policy.model_dump(mode="json"), "windows": windows})


class Recomputed(Record):
    """What the scores of a bundle show."""

    examples: int
    windows: int
    verdict: str

    @property
    def in_words(self) -> str:
        """For people."""
        windows = "" if self.windows == 1 else f" in {self.windows} windows"
        return f"{self.verdict}, and each figure of the evidence, from the scores of {self.examples} examples{windows}"


def scores_of(comparison: Comparison, secret: str) -> BundleScores:
    """The scores that a comparison rests on; `secret` is the attribution's, from which the salts come.

    Raises:
        TelepromptError: the stored scores are missing or damaged.
    """
    key = bytes.fromhex(secret)
    if comparison.trial is None:
        alone = BundleWindow(start=None, end=None, examples=_examples(stored_answers(comparison.scores), key))
        return BundleScores(policy=comparison.report.policy, windows=(alone,))
    return BundleScores(
        policy=comparison.trial.opening.policy,
        windows=tuple(
            BundleWindow(start=one.window.start, end=one.window.end, examples=_examples(one.answers, key))
            for one in window_scores(comparison.trial)
        ),
    )


def example_digest(salt: str, trace_id: str) -> str:
    """SHA-256 of the RFC 8785 form of `{"salt": …, "trace_id": …}`; the salt is that of the trace's proof."""
    return digest_of({"salt": salt, "trace_id": trace_id})


def _examples(answers: Sequence[ComparedAnswer], key: bytes) -> tuple[Example, ...]:
    return tuple(
        (
            example_digest(trace_salt(key, answer.trace_id), answer.trace_id),
            tuple(_named(unit, key) for unit in (answer.unit, *answer.keys)),
            answer.baseline.score_e6,
            answer.optimized.score_e6,
        )
        for answer in answers
    )


def _named(unit: str, key: bytes) -> str:
    return hmac.digest(key, f"unit {unit}".encode(), hashlib.sha256).hex()[:UNIT_LENGTH]


class _Bundle(Record):
    bundle_version: Literal["1.0"]
    attestation: dict[str, Any]
    scores: BundleScores


def bundle_of(attestation: Attestation, scores: BundleScores) -> dict[str, Any]:
    """The bundle as JSON values.

    Raises:
        ConfigurationError: the document signs no scores.
        TelepromptError: the scores are not those that it signs.
    """
    evidence = attestation.evidence
    if not isinstance(evidence, OfflineEvidence) or evidence.scores_digest is None:
        raise ConfigurationError(
            f"The attestation {attestation.attestation_id} signs no scores (it is from before bundles, or of calls in "
            "production); `attest verify --deep` makes it anew where the run is."
        )
    if scores.digest != evidence.scores_digest:
        raise TelepromptError(
            f"The kept scores of the attestation {attestation.attestation_id} are not those that it signs; restore the "
            "storage folder from its backup."
        )
    return {
        "bundle_version": "1.0",
        "attestation": attestation.to_dict(),
        "scores": scores.model_dump(mode="json"),
    }


def check_bundle(attestation: Attestation, data: bytes) -> Recomputed:
    """Make the evidence of a document anew from the scores in a bundle of it.

    Guardrails are not made anew: what they watch is not in it.

    Raises:
        InvalidAttestationError: `BUNDLE_INVALID`: it is no bundle of this document, or the scores show something else.
    """
    evidence = attestation.evidence
    if not isinstance(evidence, OfflineEvidence) or evidence.scores_digest is None:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the document signs no scores")
    try:
        bundle = _Bundle.model_validate(strict_json(data, max_bytes=MAX_BUNDLE_BYTES))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        detail = ascii(f"the bundle's {place}: {first['msg']}")[1:-1][:200]
        raise InvalidAttestationError(Code.BUNDLE_INVALID, detail) from error
    if bundle.attestation.get("attestation_hash") != attestation.attestation_hash:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the bundle is of another document")
    if bundle.scores.digest != evidence.scores_digest:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the bundle's scores are not those that are signed")
    try:
        report = recompute(bundle.scores)
    except (TelepromptError, ValueError) as error:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, f"the scores show nothing ({error})") from error
    _check_same(attestation, evidence, report)
    windows = report.trial.windows if report.trial else 1
    return Recomputed(examples=report.n, windows=windows, verdict=report.verdict)


def recompute(scores: BundleScores) -> GateReport:
    """The report that the scores give; a pure function of them.

    Raises:
        TelepromptError: a window has no example that counts.
        ValueError: a window of a trial has no start or no end.
    """
    policy = scores.policy
    if isinstance(policy, GatePolicy):
        return verdict_on([answer for window in scores.windows for answer in _answers(window)], policy, ())
    return fold([WindowScores(_window(window), _answers(window)) for window in scores.windows], policy, ())


def _window(window: BundleWindow) -> Window:
    if window.start is None or window.end is None:
        raise ValueError("a window of a trial has a start and an end")
    return Window(start=window.start, end=window.end)


def _answers(window: BundleWindow) -> list[ComparedAnswer]:
    return [
        ComparedAnswer(
            trace_id=trace,
            unit=unit,
            keys=tuple(keys),
            baseline=ScoredAnswer(score_e6=before, parts_e6={}),
            optimized=ScoredAnswer(score_e6=after, parts_e6={}),
        )
        for trace, (unit, *keys), before, after in window.examples
    ]


def _check_same(attestation: Attestation, evidence: OfflineEvidence, report: GateReport) -> None:
    stated = evidence.model_dump(mode="json")
    anew = offline_figures(report, metric=evidence.metric)
    differs = [name for name, value in anew.items() if stated[name] != value]
    trial = evidence.trial and (evidence.trial.windows, evidence.trial.level_e6)
    shown = report.trial and (report.trial.windows, math.ceil(report.trial.policy.level * MILLION))
    differs += ["trial"] if trial != shown else []
    performance = attestation.performance.model_dump(mode="json")
    differs += [name for name, value in performance_of(report, evidence.metric).items() if performance[name] != value]
    if differs:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, f"the scores give another {', '.join(differs)}")

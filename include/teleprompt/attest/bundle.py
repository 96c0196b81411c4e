"""The recompute bundle: a document with the scores that its verdict rests on, for who has nothing else.

Of each sealed example it has a salted digest of the trace's id, what it shares with other examples (under names that
tell nothing), and both programs' scores: no question, no answer, and no name. Of a verdict in production it has the
calls instead (`bundle_calls`). The digest of all of it is signed in `evidence.scores_digest`.
"""

import hashlib
import hmac
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from teleprompt.attest.bundle_calls import BundleCalls, differing, recompute_calls
from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.evidence import OfflineEvidence, OnlineEvidence
from teleprompt.attest.figures import offline_figures, performance_of
from teleprompt.attest.load import strict_json
from teleprompt.attribution.trace_tree import trace_id_digest, trace_salt
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

S = TypeVar("S", "BundleScores", BundleCalls)

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
    """What a bundle shows."""

    verdict: str
    rests_on: str
    """For people."""

    @property
    def in_words(self) -> str:
        """For people."""
        return f"{self.verdict}, and each figure of the evidence, from {self.rests_on}"


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


def _examples(answers: Sequence[ComparedAnswer], key: bytes) -> tuple[Example, ...]:
    return tuple(
        (
            trace_id_digest(trace_salt(key, answer.trace_id), answer.trace_id),
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
    scores: dict[str, Any]


def bundle_of(attestation: Attestation, scores: BundleScores | BundleCalls) -> dict[str, Any]:
    """The bundle as JSON values.

    Raises:
        ConfigurationError: the document signs no scores.
        TelepromptError: the scores are not those that it signs.
    """
    evidence = attestation.evidence
    if evidence is None or evidence.scores_digest is None:
        raise ConfigurationError(
            f"The attestation {attestation.attestation_id} signs no scores, as it is from before there were bundles; "
            "`attest verify --deep` makes it anew where the run is."
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
    if evidence is None or evidence.scores_digest is None:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the document signs no scores")
    try:
        if isinstance(evidence, OnlineEvidence):
            differs, found = _from_calls(attestation, evidence, _signed(BundleCalls, attestation, data))
        else:
            differs, found = _from_examples(attestation, evidence, _signed(BundleScores, attestation, data))
    except InvalidAttestationError:
        raise
    except (TelepromptError, ValueError) as error:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, f"the scores show nothing ({error})") from error
    if differs:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, f"the scores give another {', '.join(differs)}")
    return found


def _signed(form: type[S], attestation: Attestation, data: bytes) -> S:
    """The scores in a bundle of the document, which are those that it signs."""
    try:
        bundle = _Bundle.model_validate(strict_json(data, max_bytes=MAX_BUNDLE_BYTES))
    except ValidationError as error:
        raise _no_bundle(error, "the bundle's ") from error
    try:
        scores: S = form.model_validate(bundle.scores)
    except ValidationError as error:
        raise _no_bundle(error, "the bundle's scores.") from error
    if bundle.attestation.get("attestation_hash") != attestation.attestation_hash:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the bundle is of another document")
    if attestation.evidence is None or scores.digest != attestation.evidence.scores_digest:
        raise InvalidAttestationError(Code.BUNDLE_INVALID, "the bundle's scores are not those that are signed")
    return scores


def _no_bundle(error: ValidationError, where: str) -> InvalidAttestationError:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return InvalidAttestationError(Code.BUNDLE_INVALID, ascii(f"{where}{place}: {first['msg']}")[1:-1][:200])


def _from_calls(attestation: Attestation, evidence: OnlineEvidence, calls: BundleCalls) -> tuple[list[str], Recomputed]:
    """What differs from the document, and what the calls show."""
    info = attestation.model_info
    report = recompute_calls(calls, (info.baseline_version, info.optimized_version))
    both = report.baseline, report.optimized
    rests_on = f"{sum(arm.calls for arm in both)} calls of {sum(arm.keys for arm in both)} keys"
    return differing(attestation, evidence, calls, report), Recomputed(verdict=report.verdict, rests_on=rests_on)


def _from_examples(
    attestation: Attestation, evidence: OfflineEvidence, scores: BundleScores
) -> tuple[list[str], Recomputed]:
    """What differs from the document, and what the scores show."""
    report = recompute(scores)
    windows = f" in {report.trial.windows} windows" if report.trial and report.trial.windows > 1 else ""
    rests_on = f"the scores of {report.n} examples{windows}"
    return _differing(attestation, evidence, report), Recomputed(verdict=report.verdict, rests_on=rests_on)


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


def _differing(attestation: Attestation, evidence: OfflineEvidence, report: GateReport) -> list[str]:
    """The names of the document's figures that are not those of the scores."""
    stated = evidence.model_dump(mode="json")
    anew = offline_figures(report, metric=evidence.metric)
    differs = [name for name, value in anew.items() if stated[name] != value]
    trial = evidence.trial and (evidence.trial.windows, evidence.trial.level_e6)
    shown = report.trial and (report.trial.windows, math.ceil(report.trial.policy.level * MILLION))
    differs += ["trial"] if trial != shown else []
    performance = attestation.performance.model_dump(mode="json")
    means = performance_of(report, evidence.metric)
    return differs + [name for name, value in means.items() if performance[name] != value]

"""The part of a recompute bundle that is about calls in production: of each its unit, version, share, time and outcome.

No input, no answer and no name is in it. Units are numbered in the order of their keys, as that is the order in which
they are summed; a call's digest is salted as a sealed example's is.
"""

import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, TypeAdapter

from teleprompt.attest.document import Attestation
from teleprompt.attest.evidence import OnlineEvidence
from teleprompt.attest.figures import online_figures, online_performance
from teleprompt.attribution.trace_tree import trace_id_digest, trace_salt
from teleprompt.deltaone.decide_online import decide_online
from teleprompt.deltaone.online_calls import Call
from teleprompt.deltaone.online_policy import OnlinePolicy
from teleprompt.deltaone.online_report import OnlineDecision, OnlineReport
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.records import MILLION, Digest, Record
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.window import format_utc

Share = Annotated[int, Field(ge=0, le=MILLION)]
Outcome = Annotated[int, Field(ge=0, le=MILLION)] | None
Unit = Annotated[int, Field(ge=0)]
BundleCall = tuple[Digest, Unit, bool, Share, int, Outcome]
"""Salted digest of the trace's id; number of its key; whether the challenger answered; the challenger's share then in
millionths; when it was made, in milliseconds since 1970; what came of it in millionths, or null."""

KEPT = "online_calls"
"""Record of the pipeline run: the calls that its version was promoted by."""

KeptCall = tuple[str, str, bool, Share, int, Outcome]
"""Id of the trace, key, and the rest as in a bundle."""
_KEPT_CALLS = TypeAdapter(tuple[KeptCall, ...])


class KeptCalls(Record):
    """What a decision in production was made from, as it is kept beside it."""

    policy: OnlinePolicy
    calls: Blob


def keep_calls(storage_uri: str, policy: OnlinePolicy, calls: tuple[KeptCall, ...]) -> KeptCalls:
    """Store them."""
    return KeptCalls(policy=policy, calls=put_blob(storage_uri, "calls", json.dumps(calls).encode(), suffix=".json"))


class BundleCalls(Record):
    """What the verdict follows from: what had to be shown, and the calls since the challenger came."""

    policy: OnlinePolicy
    since: AwareDatetime
    until: AwareDatetime
    calls: tuple[BundleCall, ...]

    @property
    def digest(self) -> Digest:
        """SHA-256 of the RFC 8785 form, in which the SHA-256 of that of the calls stands for them."""
        said = self.model_dump(mode="json", exclude={"calls"})
        return digest_of({**said, "calls": digest_of(self.calls)})


def calls_of(kept: KeptCalls, decision: OnlineDecision, secret: str) -> BundleCalls:
    """The calls of a decision; `secret` is the attribution's, from which the salts come.

    Raises:
        TelepromptError: the stored calls are missing or damaged.
    """
    salts = bytes.fromhex(secret)
    calls = _KEPT_CALLS.validate_json(get_blob(kept.calls))
    numbers = {key: number for number, key in enumerate(sorted({key for _, key, *_ in calls}))}
    rows = [
        (trace_id_digest(trace_salt(salts, trace), trace), numbers[key], challenger, share, at, outcome)
        for trace, key, challenger, share, at, outcome in calls
    ]
    return BundleCalls(
        policy=kept.policy, since=decision.observed.start, until=decision.observed.end, calls=tuple(sorted(rows))
    )


def recompute_calls(bundle: BundleCalls, versions: tuple[str, str]) -> OnlineReport:
    """The report that the calls give; a pure function of them.

    Raises:
        TelepromptError: a time is none.
    """
    width = len(str(len(bundle.calls)))
    calls = [
        Call(
            key=f"{unit:0{width}}",  # names in the order of the numbers
            arm="challenger" if challenger else "champion",
            share=share / MILLION,
            at=datetime.fromtimestamp(at / 1000, UTC),
            outcome=None if outcome is None else outcome / MILLION,
        )
        for _, unit, challenger, share, at, outcome in bundle.calls
    ]
    return decide_online(calls, bundle.policy, since=bundle.since, until=bundle.until, versions=versions)


def differing(
    attestation: Attestation, evidence: OnlineEvidence, bundle: BundleCalls, report: OnlineReport
) -> list[str]:
    """The names of the document's figures that are not those of the calls."""
    stated, performance = evidence.model_dump(mode="json"), attestation.performance.model_dump(mode="json")
    observed = {"start": format_utc(bundle.since), "end": format_utc(bundle.until)}
    anew = {**online_figures(report, metric=evidence.metric), "observed": observed}
    means = online_performance(report, evidence.metric)
    return [
        *(name for name, value in anew.items() if stated[name] != value),
        *(name for name, value in means.items() if performance[name] != value),
    ]

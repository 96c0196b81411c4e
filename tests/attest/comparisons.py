"""Documents of comparisons that were made, for each test and interval there is."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from teleprompt.attest.bundle import BundleScores
from teleprompt.attest.bundle_calls import BundleCalls
from teleprompt.attest.document import Attestation
from teleprompt.attest.figures import online_performance, performance_of
from teleprompt.attest.issue import evidence_section, online_evidence_section
from teleprompt.config.gate import Claim
from teleprompt.config.promotion import PromoteOn
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.decide_online import decide_online
from teleprompt.deltaone.online import ObservedCall, compare_online
from teleprompt.deltaone.online_calls import Call
from teleprompt.deltaone.online_policy import OnlinePolicy
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.gate.comparison import Comparison
from teleprompt.gate.labels import LabelReport
from teleprompt.gate.off_policy import off_policy_verdict
from teleprompt.gate.trial_fold import ComparedAnswer, ExploredAnswer, WindowScores, fold
from teleprompt.gate.trial_records import Opening, TrialState
from teleprompt.records import MILLION
from teleprompt.storage.blobs import Blob
from teleprompt.window import Window
from tests.attest.documents import BODY

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DECIDED = datetime(2026, 3, 2, tzinfo=UTC)
POLICY = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.0123)
LABELS = LabelReport(compared=PromoteOn.AGREEMENT, written_by={}, champion_agrees_e6=None)
Pairs = Sequence[tuple[int, int]]
"""The scores before and after of each example, in millionths."""


def right_or_wrong(wins: int, losses: int, right: int, wrong: int) -> list[tuple[int, int]]:
    """Pairs of answers that are right or wrong."""
    one = MILLION
    return [(0, one)] * wins + [(one, 0)] * losses + [(one, one)] * right + [(0, 0)] * wrong


def alone(pairs: Pairs, *, per_group: int = 1, policy: GatePolicy = POLICY) -> GateReport:
    """What one comparison on its own shows."""
    return decide(
        [before for before, _ in pairs],
        [after for _, after in pairs],
        groups=[str(i // per_group) for i in range(len(pairs))],
        policy=policy,
    )


def on_trial(windows: Sequence[Pairs], *, number: int = 1, per_unit: int = 1) -> tuple[GateReport, TrialState]:
    """What a trial of these windows shows, one a week."""
    opening = Opening(
        program="EmailDraft",
        champion=1,
        champion_version_id="1.0.0",
        baseline_state=Blob(uri="file:///before", digest="c" * 64),
        optimized_state=Blob(uri="file:///after", digest="d" * 64),
        policy=TrialPolicy(level=0.025 / (number * (number + 1))),
        number=number,
        terms={},
        window=week(0),
        snapshot=Blob(uri="file:///snapshot", digest="e" * 64),
        key="9" * 64,
        opened_at=MONDAY,
        relatives=3,
    )
    scores = [
        WindowScores(
            week(w),
            [
                ComparedAnswer(
                    trace_id=f"{w}/{i}", unit=f"{w}/{i // per_unit}", baseline=_of(one), optimized=_of(other)
                )
                for i, (one, other) in enumerate(pairs)
            ],
        )
        for w, pairs in enumerate(windows)
    ]
    return fold(scores, opening.policy, ()), TrialState(opening=opening, windows=(), ending=None)


def week(number: int) -> Window:
    """Of seven days, counted from the first Monday."""
    start = MONDAY + number * timedelta(days=7)
    return Window(start=start, end=start + timedelta(days=7))


def _of(score_e6: int) -> ScoredAnswer:
    return ScoredAnswer(score_e6=score_e6, parts_e6={})


def document_of(
    report: GateReport, trial: TrialState | None = None, scores: BundleScores | None = None
) -> dict[str, Any]:
    """The unsigned document of a comparison on sealed examples, which signs the `scores`."""
    comparison = Comparison.model_construct(
        report=report, metric="agreement", metric_version=2, trial=trial, decided_at=DECIDED, labels=LABELS
    )
    return _document(performance_of(report, comparison.metric), evidence_section(comparison, scores), sealed=report.n)


def in_production(
    before: Sequence[ObservedCall], after: Sequence[ObservedCall], *, alpha: float = 0.05
) -> OnlineDecision:
    """What the calls of two versions show."""
    report = compare_online(
        before, after, versions=("1", "2"), threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=alpha
    )
    return OnlineDecision(report=report, observed=week(5), decided_at=DECIDED)


def calls(scores_e6: Sequence[int], *, per_key: int = 1, missing: int = 0) -> list[ObservedCall]:
    """Calls with these outcomes, so many of each key, and some without one."""
    outcomes: list[int | None] = [*scores_e6, *[None] * missing]
    return [ObservedCall(key=str(i // per_key), score_e6=score) for i, score in enumerate(outcomes)]


def document_of_calls(decision: OnlineDecision, kept: BundleCalls | None = None) -> dict[str, Any]:
    """The unsigned document of a comparison in production, which signs the calls that are given."""
    metric = "reply_rate"
    evidence = online_evidence_section(decision, metric, kept)
    return _document(online_performance(decision.report, metric), evidence, sealed=400)


def _document(performance: dict[str, Any], evidence: dict[str, Any], *, sealed: int) -> dict[str, Any]:
    used = {"train": 1000, "select": 500, "gate": sealed, "demos": 3}
    body = {
        **BODY,
        "timestamp": "2026-03-02T00:00:00Z",
        "performance": performance,
        "evidence": evidence,
        "optimization_metadata": {
            **BODY["optimization_metadata"],
            "trace_count": 1500 + sealed,
            "date_range": {"start": "2026-01-05T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        },
        "contributors": [{**BODY["contributors"][0], "weight": 1.0, "trace_count": 1500 + sealed, "used": used}],
        "credit": {"unpayable": "hold_back"},
        "data": {**BODY["data"], "traces_count": 1500 + sealed},
    }
    return Attestation.compose(body).to_dict()


def graded(n: int, *, gain: float, seed: int) -> list[tuple[int, int]]:
    """Pairs of scores of any size, better by about `gain` on average."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(n):
        before = draw.uniform(0.2, 0.6)
        pairs.append((round(before * MILLION), round(min(1.0, max(0.0, before + draw.gauss(gain, 0.1))) * MILLION)))
    return pairs


MCNEMAR = document_of(alone(right_or_wrong(60, 20, 400, 520)))
SIGN_FLIP = document_of(alone(graded(300, gain=0.05, seed=1), per_group=2))
SIGN = document_of(alone([(400_000, 500_000)] * 200))
TRIAL = document_of(*on_trial([right_or_wrong(20, 6, 40, 34), right_or_wrong(25, 5, 40, 30)], number=2))
FISHER = document_of_calls(in_production(calls([MILLION] * 300 + [0] * 700), calls([MILLION] * 400 + [0] * 600)))
PERMUTATION = document_of_calls(
    in_production(
        calls([before for before, _ in graded(600, gain=0, seed=2)], per_key=2, missing=12),
        calls([after for _, after in graded(600, gain=0.06, seed=3)], per_key=2, missing=10),
    )
)
WEEKS = document_of_calls(
    OnlineDecision(
        report=decide_online(
            [
                Call(
                    key=f"{arm} {key}",
                    arm=arm,
                    share=0.5,
                    at=week(1).start + day * timedelta(days=1),
                    outcome=None if (key + day) % 40 == 0 else float(key % 10 < (6 if arm == "challenger" else 3)),
                )
                for arm in ("champion", "challenger")
                for key in range(300)
                for day in range(key % 7, 21, 7)
            ],
            OnlinePolicy(),
            since=week(1).start,
            until=week(3).end,
        ),
        observed=Window(start=week(1).start, end=week(3).end),
        decided_at=DECIDED,
    )
)


def estimated(calls: int = 600) -> dict[str, Any]:
    """The unsigned document of an estimate from calls of which three tenths were left to chance."""
    draw, answers = random.Random(4), []
    for i in range(calls):
        other = draw.random() < 0.3
        explored = ExploredAnswer(
            given=int(other), champion=0, candidate=i % 2, propensity_e6=300_000 if other else 700_000,
            outcome_e6=MILLION * (draw.random() < (0.8 if other and i % 2 else 0.4)),
        )  # fmt: skip
        nothing = ScoredAnswer(score_e6=0, parts_e6={})
        answers.append(
            ComparedAnswer(trace_id=str(i), unit=str(i), baseline=nothing, optimized=nothing, explored=explored)
        )
    report = off_policy_verdict(answers, POLICY)
    comparison = Comparison.model_construct(
        report=report, metric="reply_rate", metric_version=2, trial=None, decided_at=DECIDED,
        labels=LABELS.model_copy(update={"compared": PromoteOn.OUTCOME}),
    )  # fmt: skip
    return _document(performance_of(report, comparison.metric), evidence_section(comparison), sealed=report.n)


OFF_POLICY = estimated()
VALID = {
    "mcnemar_exact": MCNEMAR,
    "sign_flip": SIGN_FLIP,
    "sign": SIGN,
    "betting_mixture": TRIAL,
    "fisher_exact": FISHER,
    "permutation": PERMUTATION,
    "delta_method": WEEKS,
    "off_policy_t": OFF_POLICY,
}

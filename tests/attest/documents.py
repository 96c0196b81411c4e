"""A document that everything stands in, and its signer."""

import json
from typing import Any

from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import serialize
from teleprompt.attest.signing import sign
from teleprompt.signing.signer import open_signer
from tests.support import ALICE, BOB, local_signer

SIGNER = open_signer(local_signer())
SIGNER_ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
BODY: dict[str, Any] = {
    "timestamp": "2026-01-15T12:00:00Z",
    "model_info": {
        "model_id": "EmailDraft",
        "baseline_version": "1.0.0",
        "optimized_version": "1.0.0-opt-bfs-20260115120000",
        "optimization_strategy": "bootstrap_fewshot",
    },
    "performance": {
        "deltaone_achieved": True,
        "performance_delta": 0.023,
        "baseline_metrics": {"agreement": 0.134, "click_rate": 0.089},
        "optimized_metrics": {"agreement": 0.157, "click_rate": 0.095},
    },
    "optimization_metadata": {
        "trace_count": 15000,
        "optimization_time_seconds": 180.5,
        "outcome_metric": "reply_rate",
        "date_range": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-15T00:00:00Z"},
    },
    "contributors": [
        {
            "contributor_id": "alice",
            "address": ALICE,
            "weight": 0.7,
            "trace_count": 10500,
            "used": {"train": 4500, "select": 2000, "gate": 4000, "demos": 3},
        },
        {
            "contributor_id": "bob",
            "address": BOB,
            "weight": 0.2,
            "trace_count": 3000,
            "used": {"train": 1000, "select": 1000, "gate": 1000, "demos": 1},
        },
        {
            "contributor_id": "walk-in",
            "address": None,
            "weight": 0.1,
            "trace_count": 1500,
            "quarantine": "address_conflict",
            "used": {"train": 500, "select": 500, "gate": 500, "demos": 0},
        },
    ],
    "weighting_method": "deduplicated_count",
    "credit": {"cap_e6": 800_000, "unpayable": "hold_back"},
    "evidence": {
        "kind": "offline",
        "verdict": "promote",
        "claim": "significant",
        "metric": "agreement",
        "test": "sign_flip",
        "interval": "bca_unseen",
        "n": 1000,
        "n_groups": 900,
        "wins": 600,
        "losses": 300,
        "ties": 100,
        "delta_e6": 23_000,
        "ci_low_e6": 2_000,
        "ci_high_e6": 44_000,
        "p_value_e6": 30_000,
        "confidence_e6": 950_000,
        "threshold_e6": 10_000,
    },
    "data": {"snapshot_digest": "a" * 64, "split_digest": "b" * 64, "traces_root": "f" * 64, "traces_count": 15000},
    "program": {"baseline_digest": "c" * 64, "optimized_digest": "d" * 64, "code_digest": "e" * 64},
}
SIGNED = sign(Attestation.compose(BODY), [SIGNER])
DOCUMENT = json.loads(serialize(SIGNED))

"""The documents' `OptimizationAttestationService`: attestations as dictionaries."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from teleprompt.attest.codes import InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.expected import Expected
from teleprompt.attest.verify import Verification, check_content, verify_attestation
from teleprompt.attribution.apportion import largest_remainder
from teleprompt.attribution.rewards import base_units, reward_shares
from teleprompt.encoding.addresses import AddressError, checksum_address
from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION, to_millionths
from teleprompt.window import format_utc

REWARD_DECIMALS = 6


class OptimizationAttestationService:
    """Makes, checks and pays out attestations in the specification's format."""

    def create_attestation(
        self,
        model_info: Mapping[str, Any],
        performance_data: Mapping[str, Any],
        optimization_metadata: Mapping[str, Any],
        contributors: Sequence[Mapping[str, Any]],
        *,
        timestamp: datetime | None = None,
        **sections: Any,
    ) -> dict[str, Any]:
        """The attestation of these facts, with its id and hash.

        Args:
            model_info: `model_id`, `baseline_version`, `optimized_version`, `optimization_strategy`.
            performance_data: `deltaone_achieved`, `performance_delta`, `baseline_metrics`, `optimized_metrics`.
            optimization_metadata: `trace_count`, `optimization_time_seconds`, `outcome_metric`, `date_range`.
            contributors: each `contributor_id`, `address`, `weight` (any positive numbers), `trace_count`.
            timestamp: by default now; not before the end of `date_range`.
            sections: `evidence`, `data`, `program`, `weighting_method`.

        Raises:
            ConfigurationError: a fact is missing, of the wrong type, or contradicts another.
        """
        moment = timestamp or datetime.now(UTC)
        moment = moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
        try:
            body = {
                "timestamp": format_utc(moment),
                "model_info": dict(model_info),
                "performance": _rounded(dict(performance_data)),
                "optimization_metadata": _rounded(_with_utc_range(dict(optimization_metadata))),
                "contributors": _normalised([dict(contributor) for contributor in contributors]),
                **sections,
            }
            attestation = Attestation.compose(body)
            check_content(attestation, attestation.to_dict())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"The attestation's `{place}`: {first['msg']}; correct it.") from error
        except (
            AddressError, AttributeError, InvalidAttestationError, KeyError, OverflowError, TypeError, ValueError
        ) as error:  # fmt: skip
            raise ConfigurationError(f"These facts make no attestation ({error}); correct them.") from error
        return attestation.to_dict()

    def verify_attestation(self, attestation: Mapping[str, Any], *, expected: Expected | None = None) -> Verification:
        """Whether the attestation is valid, at which level, and if not, the code of what is wrong.

        `expected` says what it must be about: program, version, state, time. Without `evidence` the level is
        `unbacked`: the gain is what somebody says.
        """
        try:
            data = json.dumps(attestation).encode()
        except (TypeError, ValueError, RecursionError):
            data = b""  # not JSON, and verified as that
        return verify_attestation(data, expected=expected)

    def calculate_rewards(
        self, attestation: Mapping[str, Any], total_reward: float | str | Decimal
    ) -> dict[str, float]:
        """What each address is due of `total_reward`, to six decimals.

        A contributor without address is left out and his part is held back. `teleprompt rewards` counts in a token's
        own base units, for amounts that floats cannot hold.

        Raises:
            ConfigurationError: the attestation is not valid, or the total is no amount or too large for a float.
        """
        verification = self.verify_attestation(attestation)
        if not verification.valid:
            raise ConfigurationError(
                f"Rewards need a valid attestation, and this one is not ({verification.code}: {verification.detail})."
            )
        total = base_units(str(total_reward), decimals=REWARD_DECIMALS)
        if total >= 2**53:
            raise ConfigurationError(f"{total_reward} is too large for floats; use `teleprompt rewards` instead.")
        rewards = reward_shares(attestation["contributors"], total)
        return {r.address: int(r.base_units) / 10**REWARD_DECIMALS for r in rewards if r.address}


def _rounded(section: dict[str, Any]) -> dict[str, Any]:
    """Floats at six decimals, which is what the format holds."""

    def value(item: Any) -> Any:
        if isinstance(item, float):
            return to_millionths(item) / MILLION
        return {k: value(v) for k, v in item.items()} if isinstance(item, dict) else item

    return {key: value(item) for key, item in section.items()}


def _with_utc_range(metadata: dict[str, Any]) -> dict[str, Any]:
    """The date range with an explicit `Z`; a time without zone means UTC."""

    def moment(value: Any) -> str:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
        return format_utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))

    dates = metadata["date_range"]
    return {**metadata, "date_range": {"start": moment(dates["start"]), "end": moment(dates["end"])}}


def _normalised(contributors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Weights in millionths that sum to exactly 1, and addresses in EIP-55."""
    if not contributors:
        return []
    weights = largest_remainder(
        MILLION,
        [to_millionths(c["weight"]) for c in contributors],
        tie_break=[str(c["contributor_id"]) for c in contributors],
    )
    return [
        {
            **contributor,
            "address": checksum_address(contributor["address"]) if contributor.get("address") else None,
            "weight": weight / MILLION,
        }
        for contributor, weight in zip(contributors, weights, strict=True)
    ]

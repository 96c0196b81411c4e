"""Trials in the public log: each opening is one entry, written down before anything is looked at."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from teleprompt.config.public_log import PublicLogConfig
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.gate.trial_records import Opening
from teleprompt.records import MILLION
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.entries import opening_entry
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.publish import publish
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


def entry_of(opening: Opening) -> bytes:
    """The entry of a trial's opening: the figures that an attestation names, and digests of the rest."""
    policy = opening.policy.model_dump(mode="json")
    return opening_entry(
        program=opening.program,
        trial_id=opening.id,
        number=opening.number,
        level_e6=math.ceil(opening.policy.level * MILLION),
        opened_at=format_utc(opening.opened_at),
        opening_digest=digest_of(
            {
                "baseline": opening.baseline_state.digest,
                "optimized": opening.optimized_state.digest,
                "policy": policy,
                "terms": opening.terms,
                "window": str(opening.window),
                "snapshot": opening.snapshot.digest,
            }
        ),
    )


def log_openings(
    client: "MlflowClient", storage_uri: str, config: PublicLogConfig, openings: Sequence[Opening]
) -> list[int]:
    """Put the openings that are not there into the log, and have it vouched for; the index of each.

    Raises:
        ConfigurationError: there is no key to sign with, or the log was begun with another.
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
        RegistryBusyError, LockLostError: others were adding all the time.
    """
    public_log = PublicLog(client, storage_uri)
    indices = LogWriter(public_log, config).append(*map(entry_of, openings))
    publish(public_log, config)
    return indices

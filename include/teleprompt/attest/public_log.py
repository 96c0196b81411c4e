"""The attestations of this installation in its public log."""

from typing import TYPE_CHECKING

from teleprompt.attest.document import Attestation
from teleprompt.attest.published import list_entries
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.gate.public_log import entry_of as opening_of
from teleprompt.gate.trial_ledger import list_fleet, list_trials
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.entries import attestation_entry
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.proof import LogProof
from teleprompt.transparency.publish import publish
from teleprompt.transparency.tiles import LogDamagedError, hashes_of
from teleprompt.transparency.tree import inclusion_proof
from teleprompt.transparency.vouched import name_of, sizes, stamp_of, vouched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient


def log_attestation(settings: Settings, client: "MlflowClient", attestation: Attestation) -> int | None:
    """Put an attestation into the log, after the openings of its program that are not there; its index.

    None where this process has no key of a log.

    Raises:
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
        RegistryBusyError, LockLostError: others were adding all the time.
    """
    config = settings.public_log
    if config is None or config.key is None:
        return None
    trials = list_trials(client, attestation.model_info.model_id)
    public_log = PublicLog(client, settings.storage_uri)
    openings = [opening_of(trial.opening) for trial in trials]
    index = LogWriter(public_log, config).append(*openings, attestation_entry(attestation.to_dict()))[-1]
    publish(public_log, config)
    return index


def log_everything(
    settings: Settings, client: "MlflowClient", attestations: "Sequence[Attestation]"
) -> tuple[int, list[str]]:
    """Put in what is missing of all trials, lists of signers and these attestations; then have it vouched for.

    Returns how many entries were added, and who did not vouch, a sentence each.

    Raises:
        ConfigurationError: there is no key to sign with, or the log was begun with another.
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
        RegistryBusyError, LockLostError: others were adding all the time.
    """
    config = settings.public_log
    if config is None:
        raise no_log()
    openings = [opening_of(trial.opening) for trial in list_fleet(client)]
    entries = [*openings, *(attestation_entry(one.to_dict()) for one in attestations), *list_entries(client)]
    public_log = PublicLog(client, settings.storage_uri)
    before = public_log.head
    LogWriter(public_log, config).append(*entries)
    missing = publish(public_log, config)
    after = public_log.head
    return (after.size if after else 0) - (before.size if before else 0), missing


def no_log() -> ConfigurationError:
    """What is said where no log is configured."""
    return ConfigurationError(
        "There is no public log; set TELEPROMPT_PUBLIC_LOG__ORIGIN and TELEPROMPT_PUBLIC_LOG__KEY__PEM, or the "
        "connection teleprompt_log."
    )


def own_proof(public_log: PublicLog, attestation: Attestation) -> bytes | None:
    """The proof as a file; None where it is not in the log.

    Raises:
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
    """
    proof = prove_logged(public_log, attestation)
    return None if proof is None else proof.to_bytes()


def prove_logged(public_log: PublicLog, attestation: Attestation) -> LogProof | None:
    """That an attestation is in the log: by the first checkpoint with it that a witness cosigned, else by the first
    that has a time stamp, else by the newest.

    None where it is not in the log, or there is none.

    Raises:
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
    """
    newest = public_log.checkpoint()
    if newest is None:
        return None
    entry = attestation_entry(attestation.to_dict())
    index = public_log.find(entry, newest.checkpoint)
    if index is None:
        return None
    kept = [vouched(public_log, size) for size in sizes(public_log) if index < size <= newest.checkpoint.size]
    with_it = [signed for signed in kept if signed is not None]
    cosigned = (signed for signed in with_it if len(signed.note.signatures) > 1)  # beside the log's own
    signed = next(cosigned, with_it[0] if with_it else newest)
    size = signed.checkpoint.size
    hashes = inclusion_proof(hashes_of(public_log.read, size), index, size)
    proof = LogProof(index, tuple(hashes), signed, stamp_of(public_log, size) or b"")
    if not proof.shows(entry):
        raise LogDamagedError(name_of(size), "is a checkpoint of another log")
    return proof

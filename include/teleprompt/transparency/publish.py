"""After the log grew: witnesses cosign its checkpoint, an authority stamps it, and the mirror gets the new files.

Nothing of this holds up what was logged: who does not answer is named in a warning, and is asked again next time.
"""

import logging

from teleprompt.config.public_log import PublicLogConfig
from teleprompt.errors import TelepromptError
from teleprompt.registry.lock import registry_lock
from teleprompt.transparency import stamp, witness
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.log import LogForkedError, PublicLog
from teleprompt.transparency.mirror import copy_tiles, publish_checkpoint
from teleprompt.transparency.tiles import CHECKPOINT, write_file
from teleprompt.transparency.vouched import keep, last_cosigned, stamp_of, vouched, with_cosignatures

log = logging.getLogger(__name__)


def publish(public_log: PublicLog, config: PublicLogConfig) -> list[str]:
    """Bring what others say of the newest checkpoint, and the mirror, up to date; who did not help, a sentence each.

    Raises:
        LogForkedError, LogDamagedError: the log in the storage is not the one that MLflow knows.
        RegistryBusyError, LockLostError: others were adding all the time.
    """
    signed = public_log.checkpoint()
    if signed is None:
        return []
    signed, missing = _vouched(public_log, config, signed)
    with registry_lock(public_log.client, "public-log", resource="the public log") as lease:
        newest = public_log.checkpoint()
        if newest is not None and newest.checkpoint == signed.checkpoint and newest.data != signed.data:
            lease.check()
            write_file(public_log.uri, CHECKPOINT, signed.data)
    missing += _mirrored(public_log, config, signed.checkpoint.size)
    for what in missing:
        log.warning("%s", what)
    return missing


def _mirrored(public_log: PublicLog, config: PublicLogConfig, size: int) -> list[str]:
    """Bring the mirror up to date; why that failed, if it did."""
    if config.mirror is None:
        return []
    try:
        copy_tiles(public_log, config.mirror, size)
        with registry_lock(public_log.client, "public-log", resource="the public log") as lease:
            publish_checkpoint(public_log, config.mirror, lease.check)
    except TelepromptError:
        raise  # of the log itself
    except Exception as error:  # noqa: BLE001 - whatever the client of a bucket raises
        return [f"The mirror {config.mirror} of the public log cannot be written ({type(error).__name__})."]
    return []


def _vouched(
    public_log: PublicLog, config: PublicLogConfig, signed: SignedCheckpoint
) -> tuple[SignedCheckpoint, list[str]]:
    """The checkpoint with all that is said of it, and who says nothing."""
    size, missing, lines = signed.checkpoint.size, [], []
    known = vouched(public_log, size)
    if known is not None and known.checkpoint != signed.checkpoint:
        raise LogForkedError("has cosignatures of another root of its size")
    signed = known or signed
    for one in config.witnesses:
        try:
            key = witness.witness_key(one)
            if not any(line.is_of(key) for line in signed.note.signatures):
                last = last_cosigned(public_log, key)
                lines.append((key, witness.ask(one, signed, public_log.read, last=last)))
        except TelepromptError as error:
            missing.append(str(error))
    stamped = None
    if config.timestamp_url is not None and stamp_of(public_log, size) is None:
        try:
            stamped = stamp.ask(config.timestamp_url, signed.note.text.encode())
        except TelepromptError as error:
            missing.append(str(error))
    if lines or stamped is not None:
        signed = with_cosignatures(signed, lines)
        keep(public_log, signed, stamped)
    return signed, missing

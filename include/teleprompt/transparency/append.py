"""Adding to the log, under a lock.

Whatever is signed was written down in MLflow first (`PENDING`), and whoever comes next finishes it, so that a process
which dies has signed nothing that the next one contradicts.
"""

import logging
from dataclasses import dataclass
from functools import cached_property

from teleprompt.config.public_log import PublicLogConfig
from teleprompt.errors import ConfigurationError
from teleprompt.registry.lock import Lease, registry_lock
from teleprompt.signing.message_key import MessageKey, open_message_key
from teleprompt.transparency.checkpoint import Checkpoint
from teleprompt.transparency.log import HEAD, KEY, PENDING, LogForkedError, PublicLog, check_goes_on, index_name
from teleprompt.transparency.note import LOG, NoteKey
from teleprompt.transparency.tiles import CHECKPOINT, LogDamagedError, grown, hashes_of, write_file
from teleprompt.transparency.tree import EMPTY_ROOT, consistency_proof, is_consistent, tree_hash

log = logging.getLogger(__name__)

NONE = "-"
"""The tag `PENDING` where nothing is."""


@dataclass(frozen=True)
class LogWriter:
    """Who has the log's key."""

    log: PublicLog
    config: PublicLogConfig

    @cached_property
    def key(self) -> NoteKey:
        """What verifies the checkpoints that this one signs.

        Raises:
            ConfigurationError: there is no key, it does not open, or it is not of Ed25519.
        """
        return NoteKey(self.config.origin, LOG, self._signer.raw_public)

    def append(self, *entries: bytes) -> list[int]:
        """Add the entries that are not there; the index of each. Safe with others at a time, and after any crash.

        Raises:
            ConfigurationError: there is no key to sign with, or the log was begun with another.
            LogForkedError: the storage does not hold the log that MLflow knows.
            LogDamagedError: a file of the log is missing or changed.
            RegistryBusyError, LockLostError: others were adding all the time.
        """
        return [self._append(entry) for entry in entries]

    def _append(self, entry: bytes) -> int:
        """Under a lock of its own, which is long over before it is taken for that of a process that died."""
        with registry_lock(self.log.client, "public-log", resource="the public log") as lease:
            head = self._finished(self._begun(), lease)
            known = self.log.find(entry, head)
            if known is None:
                self._add(head, entry, lease)
        return head.size if known is None else known

    def _begun(self) -> Checkpoint:
        """The head that MLflow knows; the log begins with it."""
        known = self.log.key
        if known is None:
            if self.log.read(CHECKPOINT) is not None:
                raise LogForkedError("was begun by another installation, with another MLflow")
            self.log.tag(HEAD, f"0 {EMPTY_ROOT.hex()}")
            self.log.tag(KEY, str(self.key))
        elif known != self.key:
            raise ConfigurationError(
                f"The public log is that of the key {known}, and here is {self.key}; configure the former, or begin a "
                "new log with another storage and another MLflow."
            )
        return self.log.head or Checkpoint(self.key.name, 0, EMPTY_ROOT)

    def _finished(self, known: Checkpoint, lease: Lease) -> Checkpoint:
        """The head, after what somebody left half done was done."""
        signed = self.log.stored_checkpoint(self.key)
        stored = Checkpoint(known.origin, 0, EMPTY_ROOT) if signed is None else signed.checkpoint
        if stored.size < known.size:
            self._put_back(known)
        else:
            check_goes_on(self.log.read, known, stored)
            known = stored
        pending = self.log.tags.get(PENDING, NONE)
        if pending != NONE:
            index, _, entry = pending.partition(" ")
            if int(index) == known.size:
                return self._add(known, entry.encode(), lease)
        self._settle(known, lease)
        return known

    def _put_back(self, known: Checkpoint) -> None:
        """The checkpoint that MLflow knows, where the storage has an older one or none, and all of its tiles.

        Raises:
            LogForkedError: it lacks tiles of it, or has others.
        """
        try:
            root = tree_hash(hashes_of(self.log.read, known.size), known.size)
        except LogDamagedError as error:
            raise LogForkedError(f"was rolled back to before the {known.size} entries that MLflow knows") from error
        if root != known.root:
            raise LogForkedError(f"does not go on from the {known.size} entries that MLflow knows: it is another log")
        log.warning("The public log's checkpoint was an older one, and its tiles are whole: it is put back.")
        write_file(self.log.uri, CHECKPOINT, self._note(known))

    def _add(self, head: Checkpoint, entry: bytes, lease: Lease) -> Checkpoint:
        """The next head, with the entry in it.

        Nothing is written once the lock is another's; the index last, for it has to be true.
        """
        lease.check()
        self.log.tag(PENDING, f"{head.size} {entry.decode()}")
        files, read = grown(self.log.read, head.size, entry), self.log.read
        size = head.size + 1
        hashes = hashes_of(lambda name: files[name] if name in files else read(name), size)
        made = Checkpoint(head.origin, size, tree_hash(hashes, size))
        if not is_consistent(head.size, head.root, size, made.root, consistency_proof(hashes, head.size, size)):
            raise LogForkedError("has other hashes than were signed")
        note = self._note(made)
        lease.check()
        for name, data in files.items():
            write_file(self.log.uri, name, data)
        lease.check()
        write_file(self.log.uri, CHECKPOINT, note)
        self._settle(made, lease)
        write_file(self.log.uri, index_name(entry), str(head.size).encode())
        log.info("Entry %d is in the public log %s.", head.size, made.origin)
        return made

    def _note(self, head: Checkpoint) -> bytes:
        return f"{head.text}\n{self.key.line(self._signer.sign(head.text.encode()))}".encode()

    def _settle(self, head: Checkpoint, lease: Lease) -> None:
        lease.check()
        tags, text = self.log.tags, f"{head.size} {head.root.hex()}"
        if tags.get(HEAD) != text:
            self.log.tag(HEAD, text)
        if tags.get(PENDING, NONE) != NONE:
            self.log.tag(PENDING, NONE)

    @cached_property
    def _signer(self) -> MessageKey:
        if self.config.key is None:
            raise ConfigurationError(
                "There is no key of the public log here; set TELEPROMPT_PUBLIC_LOG__KEY__PEM and its password, or the "
                "connection teleprompt_log."
            )
        return open_message_key(self.config.key)

"""A log in memory, which says whatever a test wants it to."""

from collections.abc import Sequence

from teleprompt.signing.message_key import open_message_key
from teleprompt.transparency.checkpoint import Checkpoint, SignedCheckpoint
from teleprompt.transparency.note import LOG, NoteKey
from teleprompt.transparency.proof import GoesOn, LogProof
from teleprompt.transparency.tiles import grown, hashes_of
from teleprompt.transparency.tree import consistency_proof, inclusion_proof, tree_hash
from tests.transparency.keys import ORIGIN, Cosigner, log_config, public_of


class MadeLog:
    """Of these entries, in this order."""

    def __init__(self, entries: Sequence[bytes], *, origin: str = ORIGIN, seed: int = 1) -> None:
        self.key = NoteKey(origin, LOG, public_of(seed))
        config = log_config(seed=seed).key
        assert config is not None
        self._signer = open_message_key(config)
        self.files: dict[str, bytes] = {}
        self.size = len(entries)
        for index, entry in enumerate(entries):
            self.files |= grown(self.files.get, index, entry)

    def checkpoint(self, size: int | None = None, *cosigned: tuple[Cosigner, int]) -> SignedCheckpoint:
        """Of the first `size` entries, cosigned by these at these times."""
        size = self.size if size is None else size
        head = Checkpoint(self.key.name, size, tree_hash(hashes_of(self.files.get, self.size), size))
        lines = [self.key.line(self._signer.sign(head.text.encode()))]
        lines += [cosigner.line(head.text, moment) for cosigner, moment in cosigned]
        return SignedCheckpoint.parse(f"{head.text}\n{''.join(lines)}".encode())

    def proof(
        self, index: int, size: int | None = None, *cosigned: tuple[Cosigner, int], extra: bytes = b""
    ) -> LogProof:
        """That entry `index` is among the first `size`."""
        size = self.size if size is None else size
        hashes = inclusion_proof(hashes_of(self.files.get, self.size), index, size)
        return LogProof(index, tuple(hashes), self.checkpoint(size, *cosigned), extra)

    def goes_on(self, old: int, size: int | None = None) -> GoesOn:
        """That the log of `size` goes on from that of `old`."""
        size = self.size if size is None else size
        hashes = consistency_proof(hashes_of(self.files.get, self.size), old, size)
        return GoesOn(old, tuple(hashes), self.checkpoint(size))

"""Asking a witness to cosign a checkpoint (c2sp.org/tlog-witness)."""

from teleprompt.config.public_log import WitnessConfig
from teleprompt.errors import TelepromptError
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.note import COSIGNATURE, Note, NoteError, NoteKey, SignatureLine, parse_line
from teleprompt.transparency.proof import GoesOn
from teleprompt.transparency.tiles import Read, hashes_of
from teleprompt.transparency.tree import consistency_proof

PATIENCE_SECONDS = 15.0
_SIZE_TYPE = "text/x.tlog.size"


class WitnessError(TelepromptError):
    """A witness did not cosign."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"The witness {name} has not cosigned the public log's checkpoint: {what}.")


def witness_key(config: WitnessConfig) -> NoteKey:
    """The key of a witness.

    Raises:
        WitnessError: it is none.
    """
    try:
        key = NoteKey.parse(config.key)
    except NoteError as error:
        raise WitnessError(config.key[:60], f"{error}; correct its key") from error
    if key.kind != COSIGNATURE:
        raise WitnessError(key.name, "its key is not one for cosignatures (type 4); take the one that it publishes")
    return key


def ask(config: WitnessConfig, signed: SignedCheckpoint, read: Read, *, last: int) -> SignatureLine:
    """The cosignature of a checkpoint, which goes on from the one of `last` entries that the witness signed last.

    Raises:
        WitnessError: it did not answer, refused, knows a longer log or another one, or signed with another key.
    """
    key, head = witness_key(config), signed.checkpoint
    status, body = _post(config, key.name, _going_on(signed, read, last))
    if status == "409" and body.strip().isdigit() and int(body) != last:
        known = int(body)
        if known > head.size:
            raise WitnessError(
                key.name,
                f"it has seen {known} entries, and here are {head.size}: the log was rolled back, or another "
                "installation goes on with it",
            )
        status, body = _post(config, key.name, _going_on(signed, read, known))
    if status != "200":
        said = {
            "409": "it has cosigned another root of that size: there are two logs of one name",
            "422": "the log does not go on from what it has seen: there are two logs of one name",
            "403": "it does not know the log's key; register it there",
            "404": "it does not know the log; register it there",
        }
        raise WitnessError(key.name, said.get(status, f"it answered {status}"))
    return _cosignature(signed.note.text, key, body)


def _going_on(signed: SignedCheckpoint, read: Read, old: int) -> GoesOn:
    size = signed.checkpoint.size
    return GoesOn(old, tuple(consistency_proof(hashes_of(read, size), old, size)), signed)


def _post(config: WitnessConfig, name: str, request: GoesOn) -> tuple[str, str]:
    """The status and the body; only text that is short."""
    import httpx

    url = f"{config.url.get_secret_value().rstrip('/')}/add-checkpoint"
    try:
        answer = httpx.post(url, content=request.to_bytes(), timeout=PATIENCE_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WitnessError(name, f"it did not answer ({type(error).__name__})") from None  # it quotes the URL
    is_size = answer.headers.get("content-type", "").partition(";")[0].strip() == _SIZE_TYPE
    return str(answer.status_code), answer.text[:10_000] if answer.is_success or is_size else ""


def _cosignature(text: str, key: NoteKey, body: str) -> SignatureLine:
    """The line by that witness among those of its answer, if its signature holds."""
    try:
        for line in map(parse_line, body.splitlines()):
            if line.is_of(key) and Note(text, (line,)).time_of(key) is not None:
                return line
    except NoteError as error:
        raise WitnessError(key.name, f"what it answered does not hold ({error})") from error
    raise WitnessError(key.name, "its answer has no signature by the configured key")

"""The trust list that this installation publishes: files in its storage, the newest named by an audit trail of its own.

Who can write the storage alone can therefore put no other list there, and none of before, and take none away unnoticed.
Who can write MLflow, too, adds nobody: what a list says of keys that the settings do not name counts only if a key that
they name has signed it. That it refuses something counts in any case.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from teleprompt.attest.trust_list import ListedLog, TrustList, load_trust_list
from teleprompt.attest.trust_list_signing import list_signers, sign_list
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append, read_trail
from teleprompt.registry.lock import registry_lock
from teleprompt.signing.signer import addresses_of, open_signer
from teleprompt.storage.blobs import Blob, get_blob, location, put_blob
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.entries import signers_entry
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.publish import publish as publish_log
from teleprompt.transparency.witness import witness_key
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "signers"
TRAIL = "teleprompt-signers"
"""The audit trail of the list, in the place of a program's name."""


@dataclass(frozen=True)
class Trust:
    """Whose signatures count here, and what the published list refuses."""

    signers: frozenset[str] = frozenset()
    """EIP-55 addresses, one of which must have signed; empty where this installation has no signer."""
    trust_list: TrustList | None = None
    log: PublicLog | None = None
    """Where it is asked whether a key that ended had signed before."""


def read_trust(settings: Settings, client: "MlflowClient") -> Trust:
    """What the settings name, and the published list if there is one.

    Raises:
        ConfigurationError: the list cannot be read, or the password does not open a keystore that names no address.
        TelepromptError: the list is missing or damaged.
    """
    named, published = addresses_of(settings), read_published(settings, client)
    if published is None:
        return Trust(named)
    log = PublicLog(client, settings.storage_uri)
    revoked = {signer.address for signer in published.signers if signer.revoked is not None}
    is_vouched = any(signer in named - revoked for signer in list_signers(published))
    return Trust(named | published.addresses if is_vouched else named, published, log)


def read_published(settings: Settings, client: "MlflowClient") -> TrustList | None:
    """The newest list; None if none was published.

    Raises:
        ConfigurationError: it cannot be read.
        TelepromptError: it is missing in the storage, or another one lies in its place.
    """
    entries = [entry for entry in read_trail(client, TRAIL) if entry.deed is AuditAction.PUBLISH_SIGNERS]
    if not entries:
        return None
    digest = entries[-1].after["file"]
    file = Blob(uri=str(location(settings.storage_uri) / FOLDER / f"{digest}.json"), digest=digest)
    return load_trust_list(get_blob(file), file.uri)


def publish(
    settings: Settings, client: "MlflowClient", change: Callable[[TrustList], TrustList], *, who: str, now: datetime
) -> TrustList:
    """Change the list, sign it with all signers there are, and put it in the place of the one before.

    Raises:
        ConfigurationError: the list cannot be read, or a signer does not sign.
        RegistryBusyError: somebody else changes it.
    """
    with registry_lock(client, "signers", resource="the list of signers") as lease:
        before = read_published(settings, client)
        changed = change(before or _empty(now))
        number = 1 if before is None else before.number + 1
        named = {"log": _with_witnesses_of(listed_log(settings, client), changed.log)}
        unsigned = changed.model_copy(update={"number": number, "published_at": format_utc(now), "proof": (), **named})
        signed = sign_list(TrustList.model_validate(unsigned.to_dict()), map(open_signer, settings.signers))
        lease.check()
        file = put_blob(settings.storage_uri, FOLDER, serialize_list(signed).encode(), suffix=".json")
        after = {"digest": signed.digest, "file": file.digest}
        append(
            client,
            TRAIL,
            AuditEvent(deed=AuditAction.PUBLISH_SIGNERS, who=who, about=f"list {number}", after=after, at=now),
        )
    if settings.public_log is not None and settings.public_log.key is not None:
        public_log = PublicLog(client, settings.storage_uri)
        LogWriter(public_log, settings.public_log).append(*list_entries(client))
        publish_log(public_log, settings.public_log)
    return signed


def _with_witnesses_of(log: ListedLog | None, before: ListedLog | None) -> ListedLog | None:
    """The log as it is to be listed: a machine that knows no witnesses does not take away those of the list before."""
    if log is None:
        return before
    if before is None or log.witnesses or log.key != before.key:
        return log
    return log.model_copy(update={"witnesses": before.witnesses})


def list_entries(client: "MlflowClient") -> list[bytes]:
    """What the public log holds of the lists that were published: who withholds a newer one can be found out."""
    return [
        signers_entry(number=int(entry.about.removeprefix("list ")), list_digest=str(entry.after["digest"]))
        for entry in read_trail(client, TRAIL)
        if entry.deed is AuditAction.PUBLISH_SIGNERS
    ]


def listed_log(settings: Settings, client: "MlflowClient") -> ListedLog | None:
    """The log of this installation, and who watches it, as a list names them; None where there is no log.

    Raises:
        WitnessError: the key of a witness is none.
    """
    key = PublicLog(client, settings.storage_uri).key
    witnesses = settings.public_log.witnesses if settings.public_log else ()
    return None if key is None else ListedLog(key=str(key), witnesses=tuple(str(witness_key(one)) for one in witnesses))


def check_may_sign(settings: Settings, client: "MlflowClient", *, at: datetime) -> None:
    """Refuse to sign what nobody would take: a document that was decided `at` then.

    Raises:
        ConfigurationError: a key of this installation is revoked, or out of its time.
    """
    for said in _lapsed(settings, client, at):
        raise ConfigurationError(
            f"{said}; make a new one (`teleprompt signer new`), or publish its time (`teleprompt signer publish`)."
        )


def serialize_list(trust_list: TrustList) -> str:
    """The list as it is written to files."""
    return json.dumps(trust_list.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _lapsed(settings: Settings, client: "MlflowClient", at: datetime) -> list[str]:
    """The keys of this installation that are revoked, or out of their time `at` then, a sentence each."""
    published = read_published(settings, client)
    own = addresses_of(settings.model_copy(update={"trusted_signers": ()})) if published else frozenset()
    listed = [signer for signer in published.signers if signer.address in own] if published else []
    said = []
    for signer in listed:
        if signer.revoked is not None:
            said.append(f"{signer.address} signs here and is revoked ({signer.revoked.why})")
        elif not signer.is_valid_at(at):
            said.append(f"{signer.address} signs here out of its time at {format_utc(at)}")
    return said


def _empty(now: datetime) -> TrustList:
    return TrustList(
        list_type="teleprompt_signers",
        signers_version="1.0",
        number=1,
        published_at=format_utc(now),
        signers=(),
        revoked_documents=(),
    )

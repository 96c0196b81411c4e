"""Time stamps of a time-stamping authority (RFC 3161): asked for, and verified against its certificate."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.encoding.der import (
    BOOLEAN,
    INTEGER,
    NULL,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    TIME,
    Der,
    DerError,
    der,
    integer,
)
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import TelepromptError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SHA256_OID = bytes.fromhex("608648016503040201")
SIGNED_DATA, TST_INFO = bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d0109100104")
CONTENT_TYPE, MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010903"), bytes.fromhex("2a864886f70d010904")
_DIGESTS = {
    bytes.fromhex(f"6086480165030402{last}"): name
    for last, name in (("01", "sha256"), ("02", "sha384"), ("03", "sha512"))
}
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
PATIENCE_SECONDS = 15.0


class StampError(TelepromptError):
    """A time stamp was not given, or does not hold."""


def request_of(message: bytes, nonce: int | None = None) -> bytes:
    """What an authority is posted: the SHA-256 of `message`, and that its certificate is wanted."""
    imprint = der(
        SEQUENCE, der(SEQUENCE, der(OID, SHA256_OID), der(NULL)), der(OCTETS, hashlib.sha256(message).digest())
    )
    wanted = secrets.randbits(63) if nonce is None else nonce
    return der(SEQUENCE, integer(1), imprint, integer(wanted), der(BOOLEAN, b"\xff"))


def ask(url: SecretUri, message: bytes) -> bytes:
    """The authority's answer, a TimeStampResp in DER that stamps `message`; who signed it is not looked at.

    Raises:
        StampError: it did not answer, or with something else.
    """
    import httpx

    headers = {"Content-Type": "application/timestamp-query"}
    try:
        answer = httpx.post(
            url.get_secret_value(), content=request_of(message), headers=headers, timeout=PATIENCE_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StampError(f"The time-stamping authority did not answer ({type(error).__name__}).") from None
    if not answer.is_success:
        raise StampError(f"The time-stamping authority answered {answer.status_code}.")
    _stamped(answer.content, message)
    return answer.content


def verify(stamp: bytes, message: bytes, trusted: Sequence["Certificate"]) -> datetime:
    """When `message` was there, as an authority says whose certificate is trusted, or was issued by a trusted one.

    Raises:
        StampError: the stamp is of something else, or not by such an authority.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import DuplicateExtension, InvalidVersion

    info, content, signed = _stamped(stamp, message)
    unreadable = (DerError, ValueError, TypeError, IndexError, InvalidVersion, DuplicateExtension, UnsupportedAlgorithm)
    try:
        moment = _moment(info)
        certificates, signer = _signer_of(signed)
        _check_signer(content, signer, [*certificates, *trusted], trusted, moment)
    except unreadable as error:
        raise StampError(f"A time stamp cannot be read ({error}).") from error
    return moment


def stamped_at(stamp: bytes, message: bytes) -> datetime:
    """When an authority says that it saw `message`, whoever that is.

    Raises:
        StampError: the stamp is of something else.
    """
    try:
        return _moment(_stamped(stamp, message)[0])
    except (DerError, ValueError, IndexError) as error:
        raise StampError(f"A time stamp cannot be read ({error}).") from error


def _stamped(stamp: bytes, message: bytes) -> tuple[list[Der], bytes, list[Der]]:
    """TSTInfo, its bytes, and the SignedData around it."""
    try:
        status, *token = Der.parse(stamp).need(SEQUENCE).items()
        if int.from_bytes(status.items()[0].need(INTEGER).content) > 1 or not token:
            raise StampError("The time-stamping authority refused to stamp.")
        kind, wrapped = token[0].need(SEQUENCE).items()
        kind.need_content(SIGNED_DATA)
        signed = Der.parse(wrapped.need(_CONTEXT_0).content).need(SEQUENCE).items()
        inner, payload = signed[2].items()
        inner.need_content(TST_INFO)
        content = Der.parse(payload.need(_CONTEXT_0).content).need(OCTETS).content
        info = Der.parse(content).need(SEQUENCE).items()
        algorithm, imprint = info[2].items()
        is_sha256 = algorithm.items()[0].content == SHA256_OID
    except (DerError, ValueError, IndexError) as error:
        raise StampError(f"A time stamp cannot be read ({error}).") from error
    if not is_sha256 or imprint.content != hashlib.sha256(message).digest():
        raise StampError("A time stamp is of something else than the log's checkpoint.")
    return info, content, signed


def _moment(info: list[Der]) -> datetime:
    text = info[4].need(TIME).content.decode("ascii")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or (fraction and not fraction.isdigit()):
        raise DerError("its time is not in UTC")
    return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _signer_of(signed: list[Der]) -> tuple[list["Certificate"], list[Der]]:
    """The certificates that came with it, and its one SignerInfo."""
    from cryptography.x509 import load_der_x509_certificate

    certificates = [item for part in signed[3:-1] if part.tag == _CONTEXT_0 for item in part.items()]
    (signer,) = signed[-1].need(SET).items()
    return [load_der_x509_certificate(item.whole) for item in certificates if item.tag == SEQUENCE], signer.items()


def _check_signer(
    content: bytes,
    signer: list[Der],
    certificates: Sequence["Certificate"],
    trusted: Sequence["Certificate"],
    moment: datetime,
) -> None:
    digest = _DIGESTS.get(signer[2].items()[0].content, "")
    if not digest:
        raise StampError("A time stamp is signed with a digest that is not taken (SHA-256, SHA-384 or SHA-512).")
    attributes = {
        item.items()[0].content: item.items()[1].items()[0].content for item in signer[3].need(_CONTEXT_0).items()
    }
    if (
        attributes.get(CONTENT_TYPE) != TST_INFO
        or attributes.get(MESSAGE_DIGEST) != hashlib.new(digest, content).digest()
    ):
        raise StampError("A time stamp's signature is of something else.")
    message = der(SET, signer[3].content)
    for certificate in certificates:
        if (
            _may_stamp(certificate, moment)
            and _is_signed(certificate, message, signer[5].need(OCTETS).content, digest)
            and _is_trusted(certificate, trusted)
        ):
            return
    raise StampError("A time stamp is not by an authority that is trusted.")


def _may_stamp(certificate: "Certificate", moment: datetime) -> bool:
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return False
    in_time = certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc
    return in_time and list(usage) == [ExtendedKeyUsageOID.TIME_STAMPING]


def _is_trusted(certificate: "Certificate", trusted: Sequence["Certificate"]) -> bool:
    from cryptography.exceptions import InvalidSignature

    for authority in trusted:
        if certificate == authority:
            return True
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return True
    return False


def _is_signed(certificate: "Certificate", message: bytes, signature: bytes, digest: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    hash_ = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}[digest]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hash_)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hash_))
        else:
            return False
    except InvalidSignature:
        return False
    return True

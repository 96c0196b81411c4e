"""Signing the trust list as EIP-712 typed data, and recovering who did."""

from collections.abc import Iterable

from teleprompt.attest.document import Proof
from teleprompt.attest.trust_list import TrustList
from teleprompt.encoding.addresses import checksum_address
from teleprompt.errors import ConfigurationError
from teleprompt.signing.recover import SignatureError, recover_address
from teleprompt.signing.signer import Signer
from teleprompt.signing.typed_data import TypedData

DOMAIN = {"name": "Teleprompt Signers", "version": "1"}
TYPES = {
    "SignerList": [
        {"name": "listHash", "type": "bytes32"},
        {"name": "number", "type": "uint64"},
        {"name": "signer", "type": "address"},
    ]
}


def sign_list(trust_list: TrustList, signers: Iterable[Signer]) -> TrustList:
    """The list with the signatures of these, and no others.

    Raises:
        ConfigurationError: a keystore does not open, or a signer signs with another key than it names.
        SignerUnavailableError: a signer outside does not sign.
    """
    proofs = []
    for signer in signers:
        signature = signer.sign_typed_data(_typed_data(trust_list, signer.address))
        proofs.append(Proof(type="eip712", signer=signer.address, signature=f"0x{signature.hex()}"))
    return trust_list.model_copy(update={"proof": tuple(sorted(proofs, key=lambda proof: proof.signer.lower()))})


def list_signers(trust_list: TrustList) -> tuple[str, ...]:
    """Who signed the list; nobody need have.

    Raises:
        ConfigurationError: a signature is not by the signer that it names.
    """
    for proof in trust_list.proof:
        try:
            found = recover_address(_typed_data(trust_list, proof.signer).digest, bytes.fromhex(proof.signature[2:]))
        except SignatureError as error:
            raise ConfigurationError(f"The list of signers has a wrong signature ({error}); restore it.") from error
        if found != proof.signer:
            raise ConfigurationError(f"The list of signers is not signed by {proof.signer}, as it says; restore it.")
    return tuple(proof.signer for proof in trust_list.proof)


def check_published(trust_list: TrustList, *, by: str | None = None, number: int = 1) -> None:
    """Refuse a list that `by` has not signed, and one of before that `number`: whoever hands over a document may hand
    over a list of his own with it, or withhold the newest.

    Raises:
        ConfigurationError: it is not what is published, or wrongly signed.
    """
    signers = list_signers(trust_list)
    if by is not None and checksum_address(by) not in signers:
        raise ConfigurationError(
            f"The list of signers is not signed by {by}, but by {' and '.join(signers) or 'nobody'}; take the one that "
            "is published."
        )
    if trust_list.number < number:
        raise ConfigurationError(
            f"The list of signers has the number {trust_list.number}, not {number} or more; take the newest."
        )


def _typed_data(trust_list: TrustList, signer: str) -> TypedData:
    message = {"listHash": bytes.fromhex(trust_list.digest), "number": trust_list.number, "signer": signer}
    return TypedData(DOMAIN, TYPES, message)

"""What a case of the suite is, and how the files of a case come to be."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teleprompt.attest.document import Attestation, content_hash, content_id
from teleprompt.attest.issue import serialize
from teleprompt.attest.signing import sign
from teleprompt.signing.signer import Signer
from tests.attest.documents import BODY, DOCUMENT, SIGNER

Document = dict[str, Any]
Files = Mapping[str, bytes | Any]
"""By option, such as `--bundle`: bytes, or what is written as JSON."""


@dataclass(frozen=True)
class Case:
    """One thing that a verifier is asked, and what it has to answer."""

    name: str
    code: str
    document: bytes | Document
    arguments: tuple[str, ...] = ()
    """Options without a file."""
    files: Files = field(default_factory=dict)
    spaces: int = 0
    """White space before the document, which is not kept in a file."""


def as_bytes(value: Any) -> bytes:
    """The file of a value: bytes as they are, JSON indented; that of a bundle's many numbers not."""
    if isinstance(value, bytes):
        return value
    indent = None if isinstance(value, dict) and "bundle_version" in value else 1
    return f"{json.dumps(value, indent=indent)}\n".encode()


def signed(document: Document, *signers: Signer) -> Document:
    """With hash, id and signatures that fit what it says: as somebody makes it who is trusted, and lies."""
    body = {
        name: value for name, value in document.items() if name not in {"attestation_id", "attestation_hash", "proof"}
    }
    return dict(json.loads(serialize(sign(Attestation.compose(body), signers or [SIGNER]))))


def rehashed(document: Document) -> Document:
    """With the hash and the id that its content has, whatever its form, and the signature that was there."""
    body = {
        name: value for name, value in document.items() if name not in {"attestation_id", "attestation_hash", "proof"}
    }
    made = {**body, "attestation_id": content_id(body)}
    return {
        **made,
        "attestation_hash": content_hash(made),
        **({"proof": document["proof"]} if "proof" in document else {}),
    }


def changed(*path: str | int, to: Any, of: Document = DOCUMENT) -> Document:
    """With another value at that place."""
    return _at(of, path, lambda place, key: place.__setitem__(key, to))


def without(*path: str | int, of: Document = DOCUMENT) -> Document:
    """Without what stands at that place."""
    return _at(of, path, lambda place, key: place.__delitem__(key))


def body(**sections: Any) -> Document:
    """The content of a document, with other sections; those that are None are left out."""
    made = {**copy.deepcopy(BODY), **sections}
    return {name: value for name, value in made.items() if value is not None}


def _at(document: Document, path: tuple[str | int, ...], change: Callable[[Any, Any], object]) -> Document:
    result = copy.deepcopy(document)
    place: Any = result
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return result

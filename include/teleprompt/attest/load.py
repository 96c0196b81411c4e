"""Reading an attestation from bytes that nobody vouches for."""

import json
import math
from typing import Any, Never

from pydantic import ValidationError

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 16
MAX_KEYS = 1000
MAX_NUMBER_LENGTH = 25
MAX_DETAIL = 200
MAX_INTEGER = 2**53 - 1


def load_attestation(data: bytes) -> tuple[Attestation, dict[str, Any]]:
    """The document as a typed record and as the plain values that were read; strict, with closed keys.

    Raises:
        InvalidAttestationError: with the code of the first fault.
    """
    document = strict_json(data)
    try:
        return Attestation.model_validate(document), document
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        # Keys and values are the sender's: they must not write lines of their own, or fill a screen.
        detail = ascii(f"{place}: {first['msg']}")[1:-1][:MAX_DETAIL]
        raise InvalidAttestationError(Code.BAD_SCHEMA, detail) from error


def strict_json(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value in `data`: limits before parsing, UTF-8 without BOM, no key twice, no NaN, integers below 2**53.

    Raises:
        InvalidAttestationError: with the code of the first fault.
    """
    if len(data) > max_bytes:
        raise InvalidAttestationError(Code.TOO_LARGE, f"{len(data)} bytes are more than {max_bytes}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidAttestationError(Code.NOT_UTF8, f"byte {error.start} is not UTF-8") from error
    # json.loads recurses; deep nesting has crashed CPython 3.11 when a library had raised the recursion limit.
    if _depth(text) > MAX_DEPTH:
        raise InvalidAttestationError(Code.TOO_DEEP, f"nested more than {MAX_DEPTH} deep")
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise InvalidAttestationError(
            Code.NOT_JSON, f"{error.msg} at line {error.lineno} column {error.colno}"
        ) from error


def _depth(text: str) -> int:
    deepest = depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif character in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise InvalidAttestationError(Code.TOO_LARGE, f"an object has more than {MAX_KEYS} keys")
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidAttestationError(Code.DUPLICATE_KEY, "an object has the same key twice")
    return result


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or len(text) > MAX_NUMBER_LENGTH:
        raise InvalidAttestationError(Code.BAD_NUMBER, f"{text[:40]} is out of range or too long")
    return value


def _integer(text: str) -> int:
    if len(text) > len(str(MAX_INTEGER)) + 1 or abs(int(text)) > MAX_INTEGER or text == "-0":
        raise InvalidAttestationError(Code.BAD_NUMBER, f"{text[:40]} is beyond 2**53, or a negative zero")
    return int(text)


def _constant(text: str) -> Never:
    raise InvalidAttestationError(Code.BAD_NUMBER, f"{text} is not a JSON number")

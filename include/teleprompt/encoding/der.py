"""Reading and writing DER, as far as time stamps need it."""

from dataclasses import dataclass
from typing import Self

INTEGER, OCTETS, NULL, OID, TIME, SEQUENCE, SET = 0x02, 0x04, 0x05, 0x06, 0x18, 0x30, 0x31
BOOLEAN = 0x01
LONG, MOST_LENGTH_BYTES = 0x80, 4


class DerError(ValueError):
    """The bytes are no DER of the form that was expected."""


@dataclass(frozen=True)
class Der:
    """One value: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    whole: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The one value that `data` is.

        Raises:
            DerError: it is none, or something follows.
        """
        found = cls._first(data)
        if len(found.whole) != len(data):
            raise DerError("something follows a value")
        return found

    @classmethod
    def _first(cls, data: bytes) -> Self:
        if len(data) < 2:
            raise DerError("a value is cut off")
        length, start = data[1], 2
        if length >= LONG:
            count = length - LONG
            start, length = 2 + count, int.from_bytes(data[2 : 2 + count])
            if not 0 < count <= MOST_LENGTH_BYTES or length < LONG:
                raise DerError("a length is not in its one form")
        if len(data) < start + length:
            raise DerError("a value is cut off")
        return cls(data[0], data[start : start + length], data[: start + length])

    def items(self) -> list[Self]:
        """The values within, one after the other.

        Raises:
            DerError: they are no DER.
        """
        found, rest = [], self.content
        while rest:
            found.append(item := self._first(rest))
            rest = rest[len(item.whole) :]
        return found

    def need(self, tag: int) -> Self:
        """Itself, if it has that tag.

        Raises:
            DerError: it has another.
        """
        if self.tag != tag:
            raise DerError(f"a value has the tag {self.tag:#x} in place of {tag:#x}")
        return self

    def need_content(self, content: bytes) -> None:
        """Refuse another content.

        Raises:
            DerError: it is another.
        """
        if self.content != content:
            raise DerError(f"a value is {self.content[:20].hex()} in place of {content.hex()}")


def der(tag: int, *parts: bytes) -> bytes:
    """The DER of a value of that content."""
    content = b"".join(parts)
    if len(content) < LONG:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, LONG + len(length)]) + length + content


def integer(value: int) -> bytes:
    """The DER of a number that is not negative."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))

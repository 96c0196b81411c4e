"""URIs that may hold a password, and texts of others that may quote one."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from pydantic import Secret

HIDDEN = "***"
LEAST = 4
"""Letters of a secret that is looked for in a text; a shorter one would be found in every word."""

_WEB = ("http://", "https://")
_LOCAL = ("sqlite", "file:")
"""Schemes of a path, in which an @ is a letter."""
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,3})[^\s'\"<>]*@")
_NAMED = re.compile(
    r"((?:password|passwd|pwd|passphrase|token|secret|api_?key|access_?key|signature|credentials?)=)[^\s&;,'\"<>)\]}]+",
    re.IGNORECASE,
)


def of_the_web(url: "SecretUri") -> "SecretUri":
    """The address of a service, as settings take it.

    Raises:
        ValueError: it is none.
    """
    if not url.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("a service has an address that begins with http:// or https://")
    return url


class SecretUri(Secret[str]):
    """A URI whose text, repr and JSON hide what gives access: user and password, the values of its query, a web path.

    `get_secret_value()` is the real one.
    """

    def _display(self) -> str:
        uri = without_credentials(self.get_secret_value())
        scheme, separator, rest = uri.partition("://")
        host, _, path = rest.partition("/")
        return f"{scheme}{separator}{host}/{HIDDEN}" if uri.startswith(_WEB) and path else uri

    def hide_in(self, text: str) -> str:
        """A text of somebody else's without the secrets of this URI, or of any other that it quotes."""
        uri = self.get_secret_value()
        path = uri.partition("://")[2].partition("?")[0].partition("/")[2].rstrip("/") if uri.startswith(_WEB) else ""
        for secret in (f"/{path}", *self.secrets) if path else self.secrets:
            text = text.replace(secret, HIDDEN)
        return hide_credentials(text)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it gives access, as it is written and as it is meant, the longest first; no web path."""
        return tuple(sorted(set(_secrets(self.get_secret_value())), key=len, reverse=True))

    def hide_in_error(self, error: BaseException) -> None:
        """Do so in what an error says, and in all that it was caused by: tracebacks print them, too."""
        waiting, seen = [error], set()
        while waiting:
            found = waiting.pop()
            if id(found) in seen:
                continue
            seen.add(id(found))
            found.args = tuple(self.hide_in(item) if isinstance(item, str) else item for item in found.args)
            for name, value in vars(found).items():
                if isinstance(value, str):
                    setattr(found, name, self.hide_in(value))
            related = (*found.args, *vars(found).values(), found.__cause__, found.__context__)
            waiting += [other for other in related if isinstance(other, BaseException)]


def without_credentials(uri: str) -> str:
    """A URI without user, password, and the values of its query; of one that is malformed, rather too much goes."""
    scheme, separator, rest = uri.partition(":")
    slashes = "//" if rest.startswith("//") else ""
    before, at, after = rest.removeprefix(slashes).rpartition("@")
    if not separator or uri.startswith(_LOCAL):
        before, at, after = "", "", rest.removeprefix(slashes)
    place, question, _ = after.partition("?")
    return f"{scheme}{separator}{slashes}{HIDDEN if before else ''}{at}{place}" + (f"?{HIDDEN}" if question else "")


def hide_credentials(text: str) -> str:
    """A text without the user and password of any URI in it, and without values that are named as secrets."""
    return _NAMED.sub(rf"\1{HIDDEN}", _USER_INFO.sub(rf"\1{HIDDEN}@", text))


def _secrets(uri: str) -> Iterator[str]:
    """The parts of a URI that give access, as they are written, as they are meant, and as a malformed one is read."""
    rest = uri.partition(":")[2].lstrip("/")
    before, _, after = ("", "", rest) if uri.startswith(_LOCAL) else rest.rpartition("@")
    query = re.split("[&;]", after.partition("?")[2])
    password = before.partition(":")[2]
    parts = [before, password, *re.split("[@/?#]", password), *(pair.partition("=")[2] for pair in query)]
    for part in parts:
        yield from (form for form in {part, unquote(part)} if len(form) >= LEAST)

"""Services that a log asks, as their formats say: a witness (c2sp.org/tlog-witness), `openssl ts` as an authority."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.loopback import Exchange, serving
from tests.transparency.keys import Cosigner
from tests.transparency.rfc6962 import proves_consistency


class Witness:
    """Remembers the size and the root that it cosigned last, and signs what goes on from there. Its code shares none of
    the package's, but for the signature itself."""

    def __init__(self, origin: str, *, moment: int = 1_768_521_600, cosigner: Cosigner | None = None) -> None:
        self.cosigner = cosigner or Cosigner()
        self.origin, self.moment = origin, moment
        self.size, self.root = 0, b""
        self.asked: list[int] = []

    def answer(self, body: str) -> tuple[int, str, str]:
        """Status, type, and body."""
        head, _, note = body.partition("\n\n")
        old, *lines = head.split("\n")
        text, _, _ = note.rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        hashes = [base64.b64decode(line) for line in lines]
        if origin != self.origin:
            return 404, "text/plain", "unknown log"
        if int(old.removeprefix("old ")) != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n"
        if int(size) < self.size:
            return 400, "text/plain", "smaller"
        if self.size and not proves_consistency(self.size, self.root, int(size), base64.b64decode(root), hashes):
            return 422, "text/plain", "inconsistent"
        self.size, self.root = int(size), base64.b64decode(root)
        self.asked.append(self.size)
        return 200, "text/plain", self.cosigner.line(f"{text}\n", self.moment)


class Authority:
    """A time-stamping authority of `openssl ts`, with a certificate authority of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "serial").write_text("01\n")
        (folder / "config").write_text(
            f"[tsa]\ndefault_tsa=it\n[it]\nserial={folder}/serial\ncrypto_device=builtin\nsigner_cert={folder}/tsa.pem\n"
            f"certs={folder}/ca.pem\nsigner_key={folder}/tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\n"
            "digests=sha256\nordering=yes\ness_cert_id_chain=no\n[ext]\nextendedKeyUsage=critical,timeStamping\n"
            "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n"
        )
        for name, extension in (("ca", "ca"), ("tsa", "ext")):
            issued = ("-CA", "ca.pem", "-CAkey", "ca.key") if name == "tsa" else ()
            self._run(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-subj", f"/CN=Test {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-config", "config",
                "-extensions", extension, *issued,
            )  # fmt: skip

    def stamp(self, request: bytes) -> bytes:
        """The reply to a query."""
        (self.folder / "query").write_bytes(request)
        self._run("ts", "-reply", "-queryfile", "query", "-config", "config", "-section", "it", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def verifies(self, stamp: bytes, data: bytes) -> bool:
        """Whether openssl accepts the stamp."""
        (self.folder / "data").write_bytes(data)
        (self.folder / "stamp").write_bytes(stamp)
        command = [
            "openssl",
            "ts",
            "-verify",
            "-data",
            "data",
            "-in",
            "stamp",
            "-CAfile",
            "ca.pem",
            "-untrusted",
            "tsa.pem",
        ]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=True)


@contextmanager
def served(witness: Witness | None = None, authority: Authority | None = None) -> Iterator[str]:
    """The address of a server with these, at `/add-checkpoint` and `/stamp`."""

    class Handler(Exchange):
        def respond(self) -> None:
            body = self.body()
            if self.path == "/stamp" and authority is not None:
                self.answer(200, authority.stamp(body), content_type="application/timestamp-reply")
            elif self.path == "/add-checkpoint" and witness is not None:
                status, kind, text = witness.answer(body.decode())
                self.answer(status, text.encode(), content_type=kind)
            else:
                self.answer(404)

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url

"""What makes two pipeline runs the same run."""

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.records import Digest, Record
from teleprompt.window import Window


class RunKey(Record):
    """The idempotency key (program, window, config fingerprint); never Airflow's run id."""

    program: str
    window: Window
    fingerprint: Digest

    @property
    def digest(self) -> str:
        """SHA-256 that names the run in MLflow's tags."""
        return digest_of(
            {
                "program": self.program,
                "start_ms": self.window.start_ms,
                "end_ms": self.window.end_ms,
                "fingerprint": self.fingerprint,
            }
        )

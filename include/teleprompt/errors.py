"""The errors that a user of the package can meet.

Each message is one sentence: what happened, where, and what to do about it.
"""

from collections.abc import Mapping

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.encoding.text import visible


class TelepromptError(Exception):
    """A stage could not do its work; the message, on one line whatever it quotes, says what to do."""

    def __str__(self) -> str:
        return visible(super().__str__())


class ConfigurationError(TelepromptError):
    """Something that the user wrote (a program file, a setting, an argument) is wrong."""


class InsufficientTracesError(TelepromptError):
    """The window holds fewer usable traces than the program asks for."""

    def __init__(
        self, found: int, needed: int, *, program: str, window: str, quarantined: Mapping[str, int] | None = None
    ) -> None:
        self.found = found
        self.needed = needed
        self.quarantined = quarantined or {}
        """Traces that cannot be used, by reason."""
        super().__init__(
            self._why_unusable(program, window)
            if self.is_for_quarantine
            else (
                f"Insufficient traces: {found} < {needed} ({program}, {window}); lower `optimization.min_traces` "
                "in its program file, widen the window, or check that traces and outcomes are logged where "
                "`teleprompt traces inspect` looks."
            )
        )

    @property
    def is_for_quarantine(self) -> bool:
        """Whether there would be enough, if all could be used."""
        return bool(self.quarantined) and self.found + sum(self.quarantined.values()) >= self.needed

    def _why_unusable(self, program: str, window: str) -> str:
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.quarantined.items())
        return (
            f"Insufficient traces: {self.found} < {self.needed} ({program}, {window}), for "
            f"{sum(self.quarantined.values())} more cannot be used ({reasons}); correct how they are logged: "
            "`teleprompt traces inspect` shows examples of each."
        )


class UnreadableGradeError(TelepromptError):
    """A language model that judges gave no grade; counted as a failed answer."""

    def __init__(self) -> None:
        super().__init__("The judge gave no number from 0 to 1; correct `gate.judge.instructions`.")


class LowPowerError(TelepromptError):
    """The comparison could not see the threshold, and the program asks to skip such a run."""

    def __init__(self, program: str, estimate: str) -> None:
        super().__init__(
            f"{program} is skipped before anything is spent: {estimate.rstrip('.')}; widen the window, raise "
            "`split.gate` or `deltaone_threshold`, or set `gate.on_low_power: warn`."
        )


class LockLostError(TelepromptError):
    """Somebody took the lock of a program's aliases away, for it was held too long. Worth a retry."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The aliases of {name} were not changed to the end, for it took so long that another change took over; "
            "try again."
        )


class RegistryBusyError(TelepromptError):
    """Somebody else changed a program's aliases all the time. Worth a retry."""

    def __init__(self, name: str, seconds: float, lock: str) -> None:
        super().__init__(
            f"The aliases of {name} were being changed for {seconds:g} seconds; try again, and if it goes on delete "
            f"the registered model {lock!r}."
        )


class TrackingUnavailableError(TelepromptError):
    """MLflow did not answer. Worth a retry."""

    def __init__(self, tracking_uri: SecretUri | str, cause: Exception) -> None:
        place = SecretUri(tracking_uri) if isinstance(tracking_uri, str) else tracking_uri
        reason = place.hide_in((str(cause).strip() or type(cause).__name__).splitlines()[0])
        super().__init__(
            f"MLflow at {place} does not answer ({reason}); "
            "check that the server runs and that the `mlflow_default` connection names it."
        )


class LanguageModelUnavailableError(TelepromptError):
    """The language model did not answer. Worth a retry; an outage must not decide a comparison."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"The language model does not answer ({type(cause).__name__}); what is done is kept, so try again, "
            "and check the connection that the program's `lm_conn_id` names."
        )


class SignerUnavailableError(TelepromptError):
    """A signer outside did not sign. Worth a retry."""

    def __init__(self, signer: str, cause: str) -> None:
        super().__init__(f"{signer} did not sign ({cause}); nothing was issued or sent, so see to it and try again.")


class ChainUnavailableError(TelepromptError):
    """The chain's node did not answer. Worth a retry."""

    def __init__(self, cause: Exception) -> None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        said = f"HTTP {status}" if status else type(cause).__name__
        super().__init__(
            f"The chain's node does not answer as it should ({said}); what was sent is written down, so try again, "
            "and check the connection that the program's `chain.conn_id` names."
        )


class UnreliableNodeError(TelepromptError):
    """What the chain's node says does not fit together, or is not up to date. Worth a retry."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The chain's node cannot be relied on now ({what}); nothing more is sent until its answers fit together, "
            "so try again, or name another node in the connection of the program's `chain.conn_id`."
        )
        self.what = what


class FeeLimitError(TelepromptError):
    """A transaction costs more than the program allows. Worth a retry, when gas is cheaper."""

    def __init__(self, costs: str, *, setting: str) -> None:
        super().__init__(f"{costs}; nothing was sent, so try again when gas is cheaper, or raise `chain.{setting}`.")


class UnsettledError(TelepromptError):
    """What was sent to the chain is not there to stay yet. Worth a retry, which goes on from there."""

    def __init__(self, tx_hash: str | None, why: str) -> None:
        super().__init__(
            f"The transaction {tx_hash or 'that is to be sent'} is not there to stay yet: {why}; try again, and "
            "nothing is sent twice."
        )


class ProgramInterruptedError(TelepromptError):
    """The process that ran program code was ended from outside. Worth a retry, which goes on from what it had done."""

    def __init__(self, title: str, how: str) -> None:
        super().__init__(
            f"{title} ended early ({how}); every answer until then is kept, so try again, and look for a lack of "
            "memory if it happens again."
        )


class ProgramTimeoutError(TelepromptError):
    """Program code took longer than it may."""

    def __init__(self, title: str, seconds: float) -> None:
        super().__init__(
            f"{title} was ended after {seconds:g} seconds without a result; look for an endless loop in the program or "
            "the metric, or allow more time."
        )


class ProgramMemoryError(TelepromptError):
    """Program code took more memory than it may."""

    def __init__(self, title: str, memory_gb: float) -> None:
        super().__init__(
            f"{title} was ended, for it needs more than {memory_gb:g} GiB of memory; make the program smaller, or "
            "raise TELEPROMPT_PROGRAM_PROCESS__MEMORY_GB."
        )


class OptimizationTimeoutError(TelepromptError):
    """Compiling took longer than the program's `optimization.timeout_seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Optimization timed out after {seconds:g} seconds; increase `optimization.timeout_seconds`, "
            "reduce `optimization.max_traces`, or use a simpler strategy."
        )

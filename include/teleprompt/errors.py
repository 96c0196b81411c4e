"""The errors that a user of the package can meet.

Each message is one sentence: what happened, where, and what to do about it. The class says what a program does about
it: a `TransientError` is worth a retry, a `NothingToDoError` skips a run, a `ConfigurationError` is the user's to
correct, an `InternalError` is ours; any other `TelepromptError` is a refusal that a retry does not change.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import ClassVar, Self, TypeVar

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.encoding.text import visible

E = TypeVar("E", bound="TelepromptError")


class TelepromptError(Exception):
    """A stage could not do its work; the message, on one line whatever it quotes, says what to do."""

    http_status: ClassVar[HTTPStatus] = HTTPStatus.CONFLICT
    """What a request is answered with."""
    exit_code: ClassVar[int] = 1
    """What the command ends with."""
    facts: ClassVar[tuple[str, ...]] = ()
    """Attributes beside the message; plain JSON, so that they reach another process."""

    def __str__(self) -> str:
        return visible(super().__str__())

    @property
    def kinds(self) -> list[str]:
        """The names of its classes, its own first: another process takes the first that it knows."""
        return [kind.__name__ for kind in type(self).__mro__ if issubclass(kind, TelepromptError)]

    def as_json(self) -> dict[str, object]:
        """The error for another process; `from_json` makes it again."""
        return {"kinds": self.kinds, "text": str(self), "facts": {name: getattr(self, name) for name in self.facts}}

    @classmethod
    def from_json(cls, kinds: object, text: str, facts: Mapping[str, object]) -> Self:
        """The error that `as_json` wrote, of the nearest class that is known here; nothing of it is trusted."""
        known = {kind.__name__: kind for kind in _with_subclasses(cls)}
        named = [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else []
        kind = next((known[name] for name in named if name in known), cls)
        error = kind.__new__(kind)
        Exception.__init__(error, text)
        for name in kind.facts:
            setattr(error, name, facts.get(name))
        return error


def _with_subclasses(error: type[E]) -> Iterator[type[E]]:
    yield error
    for kind in error.__subclasses__():
        yield from _with_subclasses(kind)


class TransientError(TelepromptError):
    """Something outside did not work for now: worth a retry, which goes on from what is done."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class NothingToDoError(TelepromptError):
    """There is too little to work with: a run that nobody asked for by hand is skipped."""


class ConfigurationError(TelepromptError):
    """Something that the user wrote (a program file, a setting, an argument) is wrong."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY
    exit_code = 2


class TrackingAddressError(ConfigurationError):
    """The address of MLflow can be none; of a request to a server, nothing is wrong with the request."""

    http_status = HTTPStatus.BAD_GATEWAY


class InternalError(TelepromptError):
    """Something that the package did not expect; to be reported."""

    http_status = HTTPStatus.INTERNAL_SERVER_ERROR


class InsufficientTracesError(NothingToDoError):
    """The window holds fewer usable traces than the program asks for."""

    facts = ("found", "needed", "quarantined")

    def __init__(
        self,
        found: int,
        needed: int,
        *,
        program: str,
        window: str,
        quarantined: Mapping[str, int] | None = None,
        instead: str | None = None,
    ) -> None:
        """`instead` says what was found in place of what is missing, and what to do."""
        self.found = found
        self.needed = needed
        self.quarantined = quarantined or {}
        """Traces that cannot be used, by reason."""
        where = f"({program}, {window})"
        if self.is_for_quarantine:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.quarantined.items())
            where = f"{where}, for {sum(self.quarantined.values())} more cannot be used ({reasons})"
        if instead is not None:
            super().__init__(f"Insufficient traces: {found} < {needed} {where}: {instead}")
        elif self.is_for_quarantine:
            super().__init__(
                f"Insufficient traces: {found} < {needed} {where}; correct how they are logged: "
                "`teleprompt traces inspect` shows examples of each."
            )
        else:
            super().__init__(
                f"Insufficient traces: {found} < {needed} {where}; lower `optimization.min_traces`, widen the "
                "window, or check that traces and outcomes are logged where "
                "`teleprompt traces inspect` looks."
            )

    @property
    def is_for_quarantine(self) -> bool:
        """Whether there would be enough, if all could be used."""
        return bool(self.quarantined) and self.found + sum(self.quarantined.values()) >= self.needed


class UnreadableGradeError(TelepromptError):
    """A language model that judges gave no grade; counted as a failed answer."""

    def __init__(self) -> None:
        super().__init__("The judge gave no number from 0 to 1; correct `gate.judge.instructions`.")


class NothingToCompareError(NothingToDoError):
    """A run ended before a sealed example was opened, for a comparison could say nothing: skipped, whoever asked."""


class NothingBetterError(NothingToCompareError):
    """The search gave no program that was seen to be better than the running one."""

    facts = ("why",)

    def __init__(self, program: str, why: str) -> None:
        self.why = why
        super().__init__(
            f"The search found nothing better than the running version of {program}: {why}; no sealed example was "
            "opened, so widen the window, or search further with another `optimization.strategy`."
        )


class WindowDoesNotCountError(NothingToCompareError):
    """An earlier window came to a program whose trial opened later, or a trial ended while its run was under way."""

    facts = ("why",)

    def __init__(self, program: str, why: str) -> None:
        self.why = why
        super().__init__(f"This window of {program} counts for no trial: {why}.")


class LowPowerError(NothingToCompareError):
    """The comparison could not see the threshold, and the program asks to skip such a run."""

    def __init__(self, program: str, estimate: str) -> None:
        super().__init__(
            f"{program} is skipped before anything is spent: {estimate.rstrip('.')}; widen the window, raise "
            "`split.gate` or `deltaone_threshold`, or set `gate.on_low_power: warn`."
        )


class LockLostError(TransientError):
    """Somebody took a lock away, for it was held too long."""

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"Changing {resource} was not finished, for it took so long that another process took over; try again."
        )


class RegistryBusyError(TransientError):
    """Somebody else held a lock all the time."""

    def __init__(self, resource: str, seconds: float, lock: str) -> None:
        super().__init__(
            f"Others were changing {resource} for {seconds:g} seconds; try again, and if it goes on delete the "
            f"registered model {lock!r}."
        )


class TrackingUnavailableError(TransientError):
    """MLflow did not answer."""

    def __init__(self, tracking_uri: SecretUri | str, cause: Exception) -> None:
        place = SecretUri(tracking_uri) if isinstance(tracking_uri, str) else tracking_uri
        reason = place.hide_in((str(cause).strip() or type(cause).__name__).splitlines()[0])
        super().__init__(
            f"MLflow at {place} does not answer ({reason}); "
            "check that the server runs and that the `mlflow_default` connection names it."
        )


class LanguageModelUnavailableError(TransientError):
    """The language model did not answer; an outage must not decide a comparison."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"The language model does not answer ({type(cause).__name__}); what is done is kept, so try again, "
            "and check the connection that the program's `lm_conn_id` names."
        )


class LanguageModelRefusedError(ConfigurationError):
    """The language model refused the key, the account or what is asked of it; another try would be refused, too."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"The language model refuses to answer ({type(cause).__name__}); correct the key, account or options of "
            "the connection that the program's `lm_conn_id` names, then run it again: what is done is kept."
        )


REFUSALS = frozenset({"LMAuthError", "LMBillingError", "LMConfigurationError", "LMUnsupportedFeatureError"})
"""DSPy's errors that a retry does not change."""


def language_model_error(cause: Exception) -> LanguageModelUnavailableError | LanguageModelRefusedError:
    """What is said of a model that gave no answer after all tries."""
    refused = any(kind.__name__ in REFUSALS for kind in type(cause).__mro__)
    return LanguageModelRefusedError(cause) if refused else LanguageModelUnavailableError(cause)


class SignerUnavailableError(TransientError):
    """A signer outside did not sign."""

    def __init__(self, signer: str, cause: str) -> None:
        super().__init__(f"{signer} did not sign ({cause}); nothing was issued or sent, so see to it and try again.")


class ChainUnavailableError(TransientError):
    """The chain's node did not answer."""

    def __init__(self, cause: Exception) -> None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        said = f"HTTP {status}" if status else type(cause).__name__
        super().__init__(
            f"The chain's node does not answer as it should ({said}); what was sent is written down, so try again, "
            "and check the connection that the program's `chain.conn_id` names."
        )


class UnreliableNodeError(TransientError):
    """What the chain's node says does not fit together, or is not up to date."""

    facts = ("what",)

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The chain's node cannot be relied on now ({what}); nothing more is sent until its answers fit together, "
            "so try again, or name another node in the connection of the program's `chain.conn_id`."
        )
        self.what = what


class FeeLimitError(TransientError):
    """A transaction costs more than the program allows."""

    def __init__(self, costs: str, *, setting: str) -> None:
        super().__init__(f"{costs}; nothing was sent, so try again when gas is cheaper, or raise `chain.{setting}`.")


class UnsettledError(TransientError):
    """What was sent to the chain is not confirmed yet."""

    def __init__(self, tx_hash: str | None, why: str) -> None:
        super().__init__(
            f"The transaction {tx_hash or 'that is to be sent'} is not confirmed yet: {why}; try again, and "
            "nothing is sent twice."
        )


class ProgramInterruptedError(TransientError):
    """The process that ran program code was ended from outside; every answer until then is kept."""

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

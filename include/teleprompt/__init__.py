"""DSPy programs that improve from their own MLflow traces, with proof. The public names of the package."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teleprompt.config.optimization import OptimizationConfig, OptimizationStrategy
    from teleprompt.sdk.assert_deltaone import assert_deltaone
    from teleprompt.sdk.attestation_service import OptimizationAttestationService
    from teleprompt.sdk.finetuner import OptimizationResult, TelepromptFinetuner
    from teleprompt.sdk.latest import latest
    from teleprompt.sdk.trace_loader import TraceLoader
    from teleprompt.serving.call_log import flush_calls, log_outcome
    from teleprompt.serving.choose import ChosenVersion, choose_version
    from teleprompt.serving.load import load_program
    from teleprompt.serving.logged_program import trace_id_of

if __name__ == "include.teleprompt":
    from teleprompt._old_names import redirect

    redirect()

_HOMES = {
    "ChosenVersion": "serving.choose",
    "OptimizationAttestationService": "sdk.attestation_service",
    "OptimizationConfig": "config.optimization",
    "OptimizationResult": "sdk.finetuner",
    "OptimizationStrategy": "config.optimization",
    "TelepromptFinetuner": "sdk.finetuner",
    "TraceLoader": "sdk.trace_loader",
    "assert_deltaone": "sdk.assert_deltaone",
    "choose_version": "serving.choose",
    "flush_calls": "serving.call_log",
    "latest": "sdk.latest",
    "load_program": "serving.load",
    "log_outcome": "serving.call_log",
    "trace_id_of": "serving.logged_program",
}

__all__ = [
    "ChosenVersion",
    "OptimizationAttestationService",
    "OptimizationConfig",
    "OptimizationResult",
    "OptimizationStrategy",
    "TelepromptFinetuner",
    "TraceLoader",
    "assert_deltaone",
    "choose_version",
    "flush_calls",
    "latest",
    "load_program",
    "log_outcome",
    "trace_id_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: a DAG file must not pay for what it does not use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""DSPy programs that improve from their own MLflow traces, with proof. The public names of the package."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.teleprompt.attestation_service import OptimizationAttestationService
    from include.teleprompt.config.optimization import OptimizationConfig, OptimizationStrategy
    from include.teleprompt.finetuner import OptimizationResult, TelepromptFinetuner
    from include.teleprompt.registry.serving import ChosenVersion, choose_version, load_program
    from include.teleprompt.traces.loader import TraceLoader

_HOMES = {
    "ChosenVersion": "registry.serving",
    "OptimizationAttestationService": "attestation_service",
    "OptimizationConfig": "config.optimization",
    "OptimizationResult": "finetuner",
    "OptimizationStrategy": "config.optimization",
    "TelepromptFinetuner": "finetuner",
    "TraceLoader": "traces.loader",
    "choose_version": "registry.serving",
    "load_program": "registry.serving",
}

__all__ = [
    "ChosenVersion",
    "OptimizationAttestationService",
    "OptimizationConfig",
    "OptimizationResult",
    "OptimizationStrategy",
    "TelepromptFinetuner",
    "TraceLoader",
    "choose_version",
    "load_program",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: a DAG file must not pay for what it does not use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

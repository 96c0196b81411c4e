"""The package under its name until 0.1, `include.teleprompt`: the same modules, for one version more."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

OLD, NEW = "include.teleprompt", "teleprompt"

MOVED = {
    "addresses": "encoding.addresses",
    "attestation_service": "sdk.attestation_service",
    "audit": "audit.attested_run",
    "canonical": "encoding.canonical_json",
    "catalog": "queries.catalog",
    "contributions": "queries.contributions",
    "deltaone.compare": "gate.comparison",
    "deltaone.gate": "deltaone.decide",
    "deltaone.ledger": "gate.ledger",
    "deltaone.markdown": "gate.markdown",
    "deltaone.score_pair": "gate._score_pair",
    "deltaone.stages": "gate.stage",
    "finetuner": "sdk.finetuner",
    "history": "queries.history",
    "inspection": "queries.inspection",
    "journal": "storage.journal",
    "merkle": "encoding.merkle",
    "optimize.stages": "optimize.optimization",
    "overview": "queries.overview",
    "pipeline": "pipeline.pipeline",
    "promoting": "pipeline.promotion",
    "promotion": "pipeline.promotion",
    "refusal": "pipeline.refusal",
    "run_detail": "queries.run_detail",
    "secret_uri": "encoding.secret_uri",
    "storage": "storage.blobs",
    "submission": "chain.submit",
    "text": "encoding.text",
    "traces.loader": "sdk.trace_loader",
    "verify_deep": "audit.verify_deep",
    "whole_run": "pipeline.whole_run",
}
"""Modules that moved, below the package; others only got an underscore, or stayed."""


def redirect() -> None:
    """From now on `include.teleprompt` and all below it are the modules of `teleprompt`, not copies of them."""
    warnings.warn(
        f"{OLD} is called {NEW} now and goes by its old name until 0.3; change the import lines.",
        FutureWarning,
        stacklevel=3,
    )
    sys.modules[OLD] = import_module(NEW)
    sys.meta_path.insert(0, _Redirected())


def _new_name(old: str) -> str:
    below = old.removeprefix(f"{OLD}.")
    name = f"{NEW}.{MOVED.get(below, below)}"
    package, _, module = name.rpartition(".")
    return name if find_spec(name) else f"{package}._{module}"


class _Redirected(MetaPathFinder, Loader):
    """Finds the old names, and gives the new modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module below the old name."""
        del path, target
        return ModuleSpec(fullname, self) if fullname.startswith(f"{OLD}.") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The new module, which is imported already or now."""
        module = import_module(_new_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run a second time; the module keeps its own name."""
        assert module.__spec__ is not None  # noqa: S101 - the import system sets the one it was found by
        module.__spec__ = module.__spec__.loader_state

"""Sources that are not MLflow's: by `module:Class`, or by the name under which a package offers one."""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.traces.sources.call_span import CallShape
from teleprompt.traces.sources.raw import TraceSource

ENTRY_POINTS = "teleprompt.trace_sources"
IN_THE_BOX: Mapping[str, str] = {
    "otel": "teleprompt.traces.sources.otel_files:OtelFiles",
    "langfuse": "teleprompt.traces.sources.langfuse:LangfuseExport",
    "table": "teleprompt.traces.sources.table:Table",
}


def own_source(name: str, options: Mapping[str, Any], *, shape: CallShape, project: Path) -> TraceSource:
    """The source of that name or path, made with `options` as keyword arguments.

    A module is looked for as Python does, then in the project's folder, its `plugins` and `include`.

    Raises:
        ConfigurationError: there is none, or it does not take the options.
    """
    kind = _class(name, project)
    try:
        source = kind(**options)
    except (TypeError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"The source {name} cannot be made with `traces.options` ({error}); correct them."
        ) from error
    missing = [method for method in ("read", "count", "holds", "outcomes", "marks") if not hasattr(source, method)]
    if missing:
        raise ConfigurationError(
            f"{name} is no source: it has no {missing[0]}(); derive it from teleprompt.traces.sources.calls.CallSource."
        )
    if hasattr(source, "shape"):
        source.shape = shape
    return source  # type: ignore[no-any-return]


def _class(name: str, project: Path) -> Any:
    path = IN_THE_BOX.get(name, name)
    if ":" not in path:
        offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if path not in offered:
            known = ", ".join(["auto", "runs", "traces", *IN_THE_BOX, *sorted(offered)])
            raise ConfigurationError(f"There is no source {name!r} (known: {known}); correct `traces.source`.")
        return offered[path].load()
    module, _, attribute = path.partition(":")
    folders = [project, project / "plugins", project / "include"]
    sys.path += [str(folder) for folder in folders if str(folder) not in sys.path]
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"`traces.source: {name}` cannot be imported ({error}); correct it, or move the module to plugins/."
        ) from error

"""OpenTelemetry's attributes in protobuf's JSON form.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Names are in camel case, or as the protocol's files
have them, which is what MLflow's server sends.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def attributes_of(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A list of `KeyValue`."""
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _value(value: Mapping[str, Any]) -> Any:
    """An `AnyValue`; None of one that is not set."""
    for kind, held in value.items():
        match kind.replace("_", "").lower():
            case "intvalue":
                return int(held)
            case "doublevalue":
                return float(held)
            case "arrayvalue":
                return [_value(item) for item in held.get("values", [])]
            case "kvlistvalue":
                return attributes_of(held.get("values", []))
            case _:
                return held
    return None

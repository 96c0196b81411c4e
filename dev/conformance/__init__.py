"""The conformance suite for verifiers, docs/conformance: `python -m dev.conformance` writes it."""

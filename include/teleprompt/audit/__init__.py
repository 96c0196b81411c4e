"""Auditing a stored attestation: what it stands on, and whether it still follows from that."""

"""The tag names by which a logged call says what it belongs to (the documents' names)."""

PROGRAM = "dspy_program_name"
PROGRAM_VERSION = "dspy_program_version"
CONTRIBUTOR_ID = "contributor_id"
CONTRIBUTOR_ADDRESS = "contributor_address"
GROUP = "group"
"""Conversation, customer, or whatever makes calls alike."""

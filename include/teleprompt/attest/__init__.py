"""The attestation: its document, its hash, its signature, and how a stranger checks it."""

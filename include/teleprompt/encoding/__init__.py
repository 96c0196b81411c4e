"""Forms that do not depend on who writes them: canonical JSON, Merkle trees, addresses, printable text, URIs."""

"""The public log: an append-only Merkle log of trials and attestations, as static files that anybody can check."""

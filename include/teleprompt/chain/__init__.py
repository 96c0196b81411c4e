"""What an attestation is submitted to: contracts, and a sender that writes to the chain exactly once."""

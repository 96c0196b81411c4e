"""What is worth telling somebody, and the signed webhook that tells it."""

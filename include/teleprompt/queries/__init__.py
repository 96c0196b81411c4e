"""What there is, read back for people: programs, runs, contributions."""

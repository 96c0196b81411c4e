"""What is kept and for how long; backup and restore."""

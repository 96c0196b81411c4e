"""Measurements, each beside what one would use instead, in the same run: `make bench`."""

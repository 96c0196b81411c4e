"""`make bench`: all measurements, one after the other."""

from bench.parse import main as parse

parse()

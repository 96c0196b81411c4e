"""`make bench`: all measurements, one after the other; `python -m bench.traces --help` for parts."""

from bench.parse import main as parse
from bench.traces import main as traces

parse()
traces()

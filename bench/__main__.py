"""`make bench`: all measurements, one after the other; each is a module: `python -m bench.traces --help`."""

from bench.deltaone import main as deltaone
from bench.parse import main as parse
from bench.racing import main as racing
from bench.strategies import main as strategies
from bench.traces import main as traces

if __name__ == "__main__":
    deltaone()
    parse()
    racing()
    strategies()
    traces()

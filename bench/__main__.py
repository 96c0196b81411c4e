"""`make bench`: all measurements, one after the other; each is a module: `python -m bench.traces --help`."""

from bench.attribution import main as attribution
from bench.deltaone import main as deltaone
from bench.merkle import main as merkle
from bench.parse import main as parse
from bench.racing import main as racing
from bench.strategies import main as strategies
from bench.traces import main as traces

if __name__ == "__main__":
    attribution()
    deltaone()
    merkle()
    parse()
    racing()
    strategies()
    traces()

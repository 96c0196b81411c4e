"""`make bench`: all measurements, one after the other; each is a module: `python -m bench.traces --help`."""

from bench.api import main as api
from bench.attribution import main as attribution
from bench.calibration import main as calibration
from bench.deltaone import main as deltaone
from bench.fleet import main as fleet
from bench.incremental import main as incremental
from bench.long_texts import main as long_texts
from bench.merkle import main as merkle
from bench.off_policy import main as off_policy
from bench.online import main as online
from bench.parse import main as parse
from bench.preprocessing import main as preprocessing
from bench.racing import main as racing
from bench.racing_matrices import main as racing_matrices
from bench.split_mix import main as split_mix
from bench.strategies import main as strategies
from bench.submission import main as submission
from bench.traces import main as traces
from bench.trials import main as trials

if __name__ == "__main__":
    api()
    attribution()
    calibration()
    deltaone()
    fleet()
    incremental()
    merkle()
    off_policy()
    online()
    parse()
    preprocessing()
    racing()
    racing_matrices()
    split_mix()
    strategies()
    submission()
    traces()
    trials()
    long_texts()

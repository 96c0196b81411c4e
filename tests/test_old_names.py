"""What was written for 0.1 runs, with one line of warning."""

import subprocess
import sys

from tests import REPOSITORY

OLD_CODE = """
from include.teleprompt import TelepromptFinetuner
from include.teleprompt.canonical import digest_of
from include.teleprompt.chain.fees import Limits
from include.teleprompt.config import gate
from include.teleprompt.errors import TelepromptError
from include.teleprompt.pipeline import Pipeline

import teleprompt
from teleprompt import encoding, errors

assert TelepromptFinetuner is teleprompt.TelepromptFinetuner
assert TelepromptError is errors.TelepromptError, "two copies: what one raises the other does not catch"
assert digest_of.__module__ == "teleprompt.encoding.canonical_json"
assert gate.__spec__.name == "teleprompt.config.gate"
"""


def test_the_package_goes_by_its_old_name() -> None:
    done = subprocess.run([sys.executable, "-c", OLD_CODE], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("FutureWarning") == 1
    assert "include.teleprompt is called teleprompt now" in done.stderr

"""What a process of ours does to the libraries it loads, and they to it."""

import subprocess
import sys

import pytest

from teleprompt.environment import system_user

BEGINNINGS = {
    "the command and tasks": "from teleprompt.environment import configure_third_party\nconfigure_third_party()",
    "the API server": "from teleprompt_airflow.api.app import create_api\ncreate_api()",
}


@pytest.mark.parametrize("begun", BEGINNINGS.values(), ids=BEGINNINGS)
def test_libraries_of_the_chain_leave_the_recursion_limit_alone(begun: str) -> None:
    """py_ecc, which they import, raises it so far that deep JSON would end the process: `json.loads` recurses."""
    code = (
        f"import sys\nsys.path.append('plugins')\nbefore = sys.getrecursionlimit()\n{begun}\nimport web3, eth_account\n"
    )
    code += "assert 'py_ecc.bls' in sys.modules\nassert sys.getrecursionlimit() == before, sys.getrecursionlimit()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_who_acts_is_named_by_the_system_and_not_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    known = system_user()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "mallory")
    assert system_user() == known != "mallory"

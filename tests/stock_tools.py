"""What others check our files with: npm packages, `openssl`, `jq`. Each is used as its own users would."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from tests import REPOSITORY

NPM = REPOSITORY / "tests/npm"


@cache
def npm_folder() -> Path:
    """Where the npm packages are installed, once per machine and lock file; without npm the test is skipped."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    digest = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = REPOSITORY / ".local/npm" / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
        if not (folder / "installed").exists():
            for file in ("package.json", "package-lock.json"):
                shutil.copy(NPM / file, folder)
            # Not `npm ci`: a registry may lack the node for machines that nobody tests on, and so may the lock file.
            command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install: {done.stderr.strip().splitlines()[-1:]}")
            (folder / "installed").touch()
    return folder


def node(script: str, given: Any = None) -> Any:
    """What a script of `tests/npm` prints, as JSON; `given` is JSON on its standard input, or text."""
    folder = _beside_packages(NPM / script).parent
    text = given if isinstance(given, str) else json.dumps(given)
    done = subprocess.run(["node", script], cwd=folder, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def node_alone(script: Path, *arguments: str, given: Any = None) -> Any:
    """What a script that needs no package prints, as JSON; `given` is JSON on its standard input."""
    needs("node")
    command = ["node", str(script), *arguments]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _beside_packages(script: Path) -> Path:
    """A copy of the script where it finds the npm packages, there whole at any moment: other processes run it, too."""
    folder = npm_folder()
    with NamedTemporaryFile(dir=folder, delete=False) as copy:
        copy.write(script.read_bytes())
    return Path(copy.name).replace(folder / script.name)


def contract(source: Path) -> dict[str, Any]:
    """`abi` and `bytecode` of the one contract in a Solidity file."""
    text = source.read_text()
    kept = npm_folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    if not kept.exists():
        kept.write_text(json.dumps(node("compile.js", text)))
    compiled = json.loads(kept.read_text())
    return dict(compiled[source.stem])


def needs(tool: str) -> None:
    """Skip the test, visibly, where a command is not installed."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")

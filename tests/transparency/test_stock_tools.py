"""What the log is held against by others: the code of Go's checksum database, which the formats come from."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from teleprompt.signing.message_key import open_message_key
from teleprompt.transparency.checkpoint import Checkpoint
from teleprompt.transparency.note import LOG, NoteKey
from teleprompt.transparency.tiles import grown, hashes_of
from teleprompt.transparency.tree import tree_hash
from tests.transparency.keys import ORIGIN, log_config, public_of

SOURCES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
"""Where Debian's package golang-golang-x-mod-dev puts them."""
KEY = NoteKey(ORIGIN, LOG, public_of())


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None or not SOURCES.exists():
        pytest.skip("go, or Debian's golang-golang-x-mod-dev, is not installed")
    built = tmp_path_factory.mktemp("go") / "check"
    source = Path(__file__).parent / "stock/check.go"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES.parents[3].parent), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", str(built), str(source)], env=environment, check=True, timeout=300)
    return built


def write_log(folder: Path, size: int) -> Path:
    """A log of that size, with the checkpoint of that size."""
    files: dict[str, bytes] = {}
    for index in range(size):
        files |= grown(files.get, index, f"entry {index}".encode())
    head = Checkpoint(ORIGIN, size, tree_hash(hashes_of(files.get, size), size))
    config = log_config().key
    assert config is not None
    files["checkpoint"] = f"{head.text}\n{KEY.line(open_message_key(config).sign(head.text.encode()))}".encode()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("size", [1, 7, 256, 700])
def test_go_reads_and_proves_each_entry(check: Path, tmp_path: Path, size: int) -> None:
    folder = write_log(tmp_path, size)
    done = subprocess.run([check, folder, str(KEY)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{size} entries\n", "")


def test_go_finds_that_a_later_checkpoint_goes_on(check: Path, tmp_path: Path) -> None:
    old, now = write_log(tmp_path / "old", 300), write_log(tmp_path / "now", 700)
    done = subprocess.run([check, now, str(KEY), old / "checkpoint"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("700 entries\n", "")


def test_go_refuses_a_log_whose_tile_was_changed(check: Path, tmp_path: Path) -> None:
    folder = write_log(tmp_path, 7)
    tile = folder / "tile/0/000.p/7"
    tile.write_bytes(tile.read_bytes()[:-1] + b"x")
    done = subprocess.run([check, folder, str(KEY)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "inconsistent tile" in done.stderr

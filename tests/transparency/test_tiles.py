"""Tiles and bundles of entries, as logs of all sizes have them."""

import pytest

from teleprompt.transparency.tiles import entries_in, files_of, grown, hashes_of, read_entries, tile_name
from teleprompt.transparency.tree import leaf_hash, tree_hash
from tests.transparency.test_tree import defined_root

ENTRIES = [f"entry {i}".encode() for i in range(600)]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Of a log that grew by one entry at a time."""
    made: dict[str, bytes] = {}
    for size, entry in enumerate(ENTRIES):
        made |= grown(made.get, size, entry)
    return made


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 600])
def test_each_size_has_its_files_and_root(files: dict[str, bytes], size: int) -> None:
    assert set(files_of(size)) <= files.keys()
    assert tree_hash(hashes_of(files.get, size), size) == defined_root(ENTRIES[:size])
    assert [entry for _, entry in read_entries(files.get, 0, size)] == ENTRIES[:size]


@pytest.mark.parametrize("size", [1, 100, 255])
def test_a_full_tile_stands_for_those_that_were_not_full(files: dict[str, bytes], size: int) -> None:
    """A mirror may delete these."""
    full = {name: data for name, data in files.items() if ".p/" not in name}
    assert tree_hash(hashes_of(full.get, size), size) == defined_root(ENTRIES[:size])
    assert [entry for _, entry in read_entries(full.get, 0, size)] == ENTRIES[:size]


@pytest.mark.parametrize(
    ("number", "width", "name"),
    [
        (0, 5, "tile/0/000.p/5"),
        (0, 256, "tile/0/000"),
        (1000, 256, "tile/0/x001/000"),
        (1234067, 1, "tile/0/x001/x234/067.p/1"),
    ],
)
def test_a_tile_lies_where_the_format_says(number: int, width: int, name: str) -> None:
    assert tile_name(0, number, width) == name


def test_a_tree_of_70000_has_the_tiles_that_the_format_counts() -> None:
    names = list(files_of(70_000))
    assert sum(name.startswith("tile/0/") for name in names) == 274
    assert [name for name in names if name.startswith(("tile/1/", "tile/2/"))] == [
        "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1",
    ]  # fmt: skip
    assert "tile/0/273.p/112" in names


def test_a_bundle_holds_lengths_and_entries() -> None:
    assert entries_in(b"\x00\x01a\x00\x00\x00\x02bc", "x") == [b"a", b"", b"bc"]
    assert grown({}.get, 0, b"abc")["tile/entries/000.p/1"] == b"\x00\x03abc"
    assert grown({}.get, 0, b"abc")["tile/0/000.p/1"] == leaf_hash(b"abc")

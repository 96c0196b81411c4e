"""Names that a backup may hold: below it, plain, and one file each on every disk."""

import pytest

from teleprompt.maintenance._names import odd_name, same_place


@pytest.mark.parametrize(
    "name", ["mlflow.json", "storage/traces/ab.parquet", "programs/team a/größe.py", "runs/1/...x"]
)
def test_ordinary_names_are_taken(name: str) -> None:
    assert odd_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "programs//etc/passwd",
        "programs/../x.py",
        "programs/./x.py",
        "programs/",
        "..",
        "programs\\..\\x.py",
        "programs/a\0.py",
        "programs/a\n.py",
        "programs/\x1b[2J.py",
        "programs/\u202eyp.py",  # written from the right
        "programs/a\u200b.py",  # a space of no width
        "programs/\udce9.py",  # a byte that is no UTF-8
        "programs/e\u0301.py",  # in two characters, where macOS has one
        "programs/ a.py",
        "programs/" + "ä" * 128 + ".py",
    ],
)
def test_names_that_lead_out_or_hide_something_are_odd(name: str) -> None:
    assert odd_name(name)


def test_two_names_of_one_place_are_told() -> None:
    assert same_place(["programs/a.py", "programs/b.py", "programs/a/c.py"]) is None
    assert same_place(["programs/Shelf.py", "programs/shelf.py"]) == ("programs/Shelf.py", "programs/shelf.py")
    assert same_place(["programs/straße.py", "programs/STRASSE.py"])
    assert same_place(["programs/a/b.py", "programs/A"]) == ("programs/A", "programs/a/b.py")

from pathlib import Path

import pytest

from teleprompt.errors import TelepromptError
from teleprompt.storage.blobs import delete_blob, fetch_file, get_blob, put_blob, put_file


@pytest.mark.parametrize("scheme", ["folder", "memory"])
def test_what_was_put_is_got(tmp_path: Path, scheme: str) -> None:
    uri = str(tmp_path) if scheme == "folder" else f"memory://{tmp_path.name}"
    blob = put_blob(uri, "things", b"content", suffix=".txt")
    assert get_blob(blob) == b"content"
    assert put_blob(uri, "things", b"content", suffix=".txt") == blob


def test_a_damaged_blob_is_noticed(tmp_path: Path) -> None:
    blob = put_blob(str(tmp_path), "things", b"content", suffix=".txt")
    Path(blob.uri).write_bytes(b"contenT")
    with pytest.raises(TelepromptError, match="is damaged"):
        get_blob(blob)


def test_what_is_put_again_heals_a_damaged_one(tmp_path: Path) -> None:
    blob = put_blob(str(tmp_path), "things", b"content", suffix=".txt")
    Path(blob.uri).write_bytes(b"contenT")
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert put_file(str(tmp_path), "things", file, suffix=".txt") == blob
    assert get_blob(blob) == b"content"
    Path(blob.uri).write_bytes(b"cont")
    put_blob(str(tmp_path), "things", b"content", suffix=".txt")
    assert get_blob(blob) == b"content"


@pytest.mark.parametrize("scheme", ["folder", "memory"])
def test_a_blob_is_fetched_as_a_file(tmp_path: Path, scheme: str) -> None:
    uri = str(tmp_path / "storage") if scheme == "folder" else f"memory://{tmp_path.name}"
    blob = put_blob(uri, "things", b"content", suffix=".txt")
    assert fetch_file(blob, tmp_path).read_bytes() == b"content"
    with pytest.raises(TelepromptError, match="damaged"):
        fetch_file(blob.model_copy(update={"digest": "0" * 64}), tmp_path)
    delete_blob(blob)
    with pytest.raises(TelepromptError, match="is missing"):
        fetch_file(blob, tmp_path)


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    blob = put_blob(str(tmp_path), "things", b"content", suffix=".txt")
    Path(blob.uri).unlink()
    with pytest.raises(TelepromptError, match=f"{blob.digest}.txt is missing"):
        get_blob(blob)


def test_a_crash_while_writing_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        put_blob(str(tmp_path), "things", b"content", suffix=".txt")
    assert not list(tmp_path.rglob("*.txt"))

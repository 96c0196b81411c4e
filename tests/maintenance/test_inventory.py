"""What lies in a storage, of whatever sort it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.maintenance._inventory import kind_of, list_files
from teleprompt.maintenance.plan import Kind
from teleprompt.storage.blobs import put_blob, write_note
from teleprompt.storage.journal import Journal


@pytest.mark.parametrize("scheme", ["folder", "file", "memory"])
def test_every_file_is_found_with_its_kind_size_and_age(tmp_path: Path, scheme: str) -> None:
    uri = {"folder": str(tmp_path), "file": tmp_path.as_uri(), "memory": f"memory://{tmp_path.name}/x"}[scheme]
    assert list_files(f"{uri}/none") == []
    blob = put_blob(uri, "traces", b"rows", suffix=".parquet")
    put_blob(uri, "scores", b"compared", suffix=".json")
    put_blob(uri, "days/shelf", b"day", suffix=".arrow")
    write_note(uri, "days/shelf/2026-11-09.json", "{}")
    write_note(uri, "outbox/1.json", "{}")
    write_note(uri, "signers/list.json", "{}")
    with Journal(uri, f"scores/abc/{blob.digest}", fingerprint="0" * 64) as journal:
        journal.append({"a": 1})
    found = {file.uri: file for file in list_files(uri)}
    assert found[blob.uri].digest == blob.digest
    assert (found[blob.uri].kind, found[blob.uri].size) == (Kind.ROWS, 4)
    assert [file.kind for file in found.values() if file.digest == blob.digest] == [Kind.ROWS]
    assert abs(found[blob.uri].modified - datetime.now(UTC)) < timedelta(days=1)
    assert sorted(file.kind for file in found.values()) == sorted(
        [Kind.ROWS, Kind.COMPARISONS, Kind.READ_TRACES, Kind.READ_TRACES, Kind.OUTBOX, Kind.SCORES, Kind.SIGNERS]
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bootstraps/abc/000000000000001-abc.jsonl", Kind.BOOTSTRAPS),
        ("checkpoints/run/candidate_1.jsonl", Kind.CHECKPOINTS),
        ("checkpoints/run/candidate_1/0001-ab.jsonl", Kind.CHECKPOINTS),
        ("traces/.abc.parquet.01234567.part", Kind.LEFTOVERS),
        ("days/shelf/.2026-11-09.json.01234567.part", Kind.LEFTOVERS),
        ("doctor/abc.txt", Kind.OTHER),
        ("notes.txt", Kind.OTHER),
        ("traces", Kind.OTHER),
        ("looks/abc.json", Kind.LOOKS),
        ("log/checkpoint", Kind.PUBLIC_LOG),
        ("log/tile/0/x001/000.p/5", Kind.PUBLIC_LOG),
        ("log/tile/0/.5.01234567.part", Kind.LEFTOVERS),
    ],
)
def test_the_kind_is_told_by_the_name(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind

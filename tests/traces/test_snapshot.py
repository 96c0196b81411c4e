import errno
import shutil
from pathlib import Path

import pytest

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import TelepromptError
from teleprompt.traces.row import from_arrow
from teleprompt.traces.snapshot import Snapshot, read_rows, read_snapshot
from teleprompt.traces.split import Part
from tests.support import ALICE, BOB, FIELDS, WEEK, raw_trace, rows_of, to_arrow, trace_row, write_snapshot_of


def snapshot_in(folder: Path | str, **config):
    raw = [
        raw_trace(
            trace_id=str(i),
            started_at_ms=WEEK.start_ms + i,
            inputs={"question": f"why {i}"},
            contributor_id=("alice", "bob")[i % 2],
            contributor_address=(ALICE, BOB)[i % 2],
            outcomes={} if i == 7 else {"outcome_score": 0.5},
        )
        for i in range(20)
    ]
    return write_snapshot_of(raw, folder, **config)


def test_rows_survive_arrow() -> None:
    rows = [
        trace_row(outcome_at_ms=5, group="g", program_version="2", score_e6=123_457),
        trace_row(contributor_address=None, outcomes={"a": 1.5, "b": -2.0}),
    ]
    assert from_arrow(to_arrow(rows, FIELDS)) == rows


def test_a_snapshot_reads_back_with_parts_reasons_and_contributors(tmp_path: Path) -> None:
    written, record = snapshot_in(tmp_path)
    snapshot = read_snapshot(record)
    assert snapshot == written
    assert (record.trace_count, record.quarantined, snapshot.quarantined) == (19, 1, {"missing_outcome": 1})
    rows = [row for part in Part for row in rows_of(snapshot.parts[part])]
    assert len(rows) == len({row.trace_id for row in rows}) == 19
    assert [(c.contributor_id, c.addresses, c.trace_count) for c in snapshot.contributors] == [
        ("alice", (ALICE,), 10),
        ("bob", (BOB,), 9),
    ]


def test_the_same_data_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    assert snapshot_in(tmp_path / "a")[1].digest == snapshot_in(tmp_path / "b")[1].digest


def test_what_version_0_1_did_not_measure_is_not_in_its_digests(tmp_path: Path) -> None:
    snapshot, _ = snapshot_in(tmp_path)
    manifest = snapshot.model_dump(mode="json")
    manifest["leakage"] = {"exact": 0, "near": None}
    old = Snapshot.model_validate(manifest)
    hashed = old.model_dump(mode="json", exclude={"reading", "quarantine"}) | {"leakage": {"exact": 0, "near": None}}
    for part in hashed["parts"].values():
        del part["blob"], part["good"]
    assert old.digest == digest_of(hashed)


def test_a_damaged_part_is_noticed(tmp_path: Path) -> None:
    snapshot, _ = snapshot_in(tmp_path)
    part = snapshot.parts[Part.GATE]
    Path(part.blob.uri).write_bytes(b"PAR1")
    with pytest.raises(TelepromptError, match="is damaged"):
        rows_of(part)


def test_the_digest_is_of_what_was_found_and_not_of_how_it_is_stored(tmp_path: Path) -> None:
    snapshot, record = snapshot_in(tmp_path)
    part = snapshot.parts[Part.GATE]
    moved = part.model_copy(update={"blob": part.blob.model_copy(update={"uri": "s3://b/k", "digest": "0" * 64})})
    assert snapshot.model_copy(update={"parts": {**snapshot.parts, Part.GATE: moved}}).digest == record.digest
    fewer = part.model_copy(update={"content": "0" * 64})
    assert snapshot.model_copy(update={"parts": {**snapshot.parts, Part.GATE: fewer}}).digest != record.digest


def test_parts_are_sorted_parquet_with_statistics(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    snapshot, _ = snapshot_in(tmp_path)
    group = pq.ParquetFile(snapshot.parts[Part.TRAIN].blob.uri).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["started_at"].compression == "ZSTD"
    assert columns["started_at"].statistics.has_min_max
    assert group.sorting_columns[0].column_index == list(columns).index("started_at")


def test_a_full_disk_is_named_and_leaves_nothing_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(source, sink, *_):
        sink.write(source.read(10))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", no_space)
        with pytest.raises(TelepromptError, match="is full; free some space"):
            snapshot_in(tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    _, record = snapshot_in(tmp_path)
    assert read_snapshot(record).trace_count == 19


def test_a_second_writer_of_the_same_snapshot_is_harmless(tmp_path: Path) -> None:
    first, again = snapshot_in(tmp_path), snapshot_in(tmp_path)
    assert first[1] == again[1]
    assert len(read_rows(again[0].parts[Part.TRAIN])) == again[0].parts[Part.TRAIN].rows


def test_a_bucket_holds_a_snapshot_as_a_folder_does(tmp_path: Path) -> None:
    in_folder, in_bucket = snapshot_in(tmp_path), snapshot_in("memory://bucket/teleprompt")
    assert in_bucket[1].digest == in_folder[1].digest
    assert in_bucket[1].manifest.uri.startswith("memory://")
    assert read_snapshot(in_bucket[1]) == in_bucket[0]
    assert rows_of(in_bucket[0].parts[Part.GATE]) == rows_of(in_folder[0].parts[Part.GATE])

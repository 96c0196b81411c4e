from pathlib import Path

import pytest

from include.teleprompt.config.program import OutcomeConfig, SplitConfig
from include.teleprompt.errors import TelepromptError
from include.teleprompt.traces.curate import curate
from include.teleprompt.traces.row import from_arrow, to_arrow
from include.teleprompt.traces.snapshot import read_rows, read_snapshot, write_snapshot
from include.teleprompt.traces.split import Part, split
from tests.support import ALICE, BOB, FIELDS, WEEK, raw_trace, trace_row


def snapshot_in(folder: Path):
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
    curated = curate(raw, program="P", fields=FIELDS, outcome=OutcomeConfig(), max_traces=1000)
    return write_snapshot(
        curated,
        split(curated.rows, SplitConfig()),
        program="P",
        window=WEEK,
        fields=FIELDS,
        storage_uri=str(folder),
    )


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
    rows = [row for part in Part for row in read_rows(snapshot.parts[part])]
    assert len(rows) == len({row.trace_id for row in rows}) == 19
    assert [(c.contributor_id, c.addresses, c.trace_count) for c in snapshot.contributors] == [
        ("alice", (ALICE,), 10),
        ("bob", (BOB,), 9),
    ]


def test_the_same_data_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    assert snapshot_in(tmp_path / "a")[1].digest == snapshot_in(tmp_path / "b")[1].digest


def test_a_damaged_part_is_noticed(tmp_path: Path) -> None:
    snapshot, _ = snapshot_in(tmp_path)
    part = snapshot.parts[Part.GATE]
    Path(part.blob.uri).write_bytes(b"PAR1")
    with pytest.raises(TelepromptError, match="is damaged"):
        read_rows(part)

"""What may go, decided over made-up files."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from teleprompt.config.retention import RetentionConfig
from teleprompt.maintenance.plan import (
    Kind,
    Reason,
    References,
    StoredFile,
    days_of_kinds,
    make_plan,
    reachable,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
RETENTION = RetentionConfig()
NEVER = set(Kind) - set(days_of_kinds(RETENTION))


def digest(number: int) -> str:
    return f"{number:064x}"


def file(number: int = 0, *, kind: Kind = Kind.ROWS, days: float = 1000) -> StoredFile:
    own = digest(number)
    return StoredFile(uri=f"x/{own}", kind=kind, size=number, modified=NOW - timedelta(days=days), digest=own)


def leaving(
    *files: StoredFile, references: References | None = None, retention: RetentionConfig = RETENTION
) -> set[int]:
    made = make_plan(files, references or References(), retention, now=NOW)
    return {gone.file.size for gone in made.leaving}


NUMBERS = st.integers(0, 12)
DIGESTS = NUMBERS.map(digest)
FILES = st.lists(
    st.builds(lambda number, kind, days: file(number, kind=kind, days=days), NUMBERS, st.sampled_from(Kind),
              st.floats(-1, 2000)),
    unique_by=lambda f: f.uri,
)  # fmt: skip
REFERENCES = st.builds(
    References,
    roots=st.frozensets(DIGESTS),
    refers=st.dictionaries(DIGESTS, st.frozensets(DIGESTS)),
    named=st.frozensets(DIGESTS),
)


@given(FILES, REFERENCES)
def test_nothing_that_evidence_leads_to_goes(files: list[StoredFile], references: References) -> None:
    made = make_plan(files, references, RETENTION, now=NOW)
    gone = {leaving.file.digest for leaving in made.leaving}
    frontier, seen = set(references.roots), set()
    while frontier:  # walked here in another way than in the plan: a step at a time
        assert not gone & frontier
        seen |= frontier
        frontier = {found for own in frontier for found in references.refers.get(own, ())} - seen
    assert not gone & references.named
    assert not {leaving.file.kind for leaving in made.leaving} & NEVER


@given(FILES, REFERENCES)
def test_what_stays_and_what_goes_is_everything_and_a_second_plan_deletes_nothing(
    files: list[StoredFile], references: References
) -> None:
    made = make_plan(files, references, RETENTION, now=NOW)
    assert sum(kind.kept + kind.leaving for kind in made.kinds) == len(files)
    assert sum(kind.kept_bytes + kind.leaving_bytes for kind in made.kinds) == sum(f.size for f in files)
    assert all(sum(kind.why_kept.values()) == kind.kept for kind in made.kinds)
    gone = {leaving.file.uri for leaving in made.leaving}
    again = make_plan([f for f in files if f.uri not in gone], references, RETENTION, now=NOW)
    assert not again.leaving


def test_each_kind_goes_at_its_own_age() -> None:
    for kind, days in days_of_kinds(RETENTION).items():
        assert leaving(file(1, kind=kind, days=days), file(2, kind=kind, days=days + 0.01)) == {2}, kind


def test_zero_days_keep_a_kind_for_good() -> None:
    assert leaving(file(1)) == {1}
    assert not leaving(file(1), retention=RetentionConfig(snapshots_days=0))


def test_attestations_looks_the_outbox_lists_of_signers_and_what_is_unknown_never_go() -> None:
    assert {Kind.ATTESTATIONS, Kind.LOOKS, Kind.OUTBOX, Kind.SIGNERS, Kind.PUBLIC_LOG, Kind.OTHER} == NEVER
    assert not leaving(*(file(i, kind=kind, days=99_999) for i, kind in enumerate(NEVER)))


def test_a_manifest_that_is_only_named_keeps_none_of_its_rows() -> None:
    manifest, rows = file(1, kind=Kind.MANIFESTS), file(2)
    refers = {digest(1): frozenset({digest(2)})}
    named = References(named=frozenset({digest(1)}), refers=refers)
    assert leaving(manifest, rows, references=named) == {2}
    assert not leaving(manifest, rows, references=References(roots=frozenset({digest(1)}), refers=refers))


def test_the_plan_says_why_and_what_is_missing() -> None:
    references = References(roots=frozenset({digest(1), digest(9)}))
    (kind,) = (made := make_plan([file(1), file(2, days=1), file(3)], references, RETENTION, now=NOW)).kinds
    assert (kind.days, kind.kept, kind.kept_bytes, kind.leaving, kind.leaving_bytes) == (90, 2, 3, 1, 3)
    assert kind.why_kept == {Reason.PROTECTED: 1, Reason.YOUNG: 1}
    assert made.missing == 1


def test_a_circle_of_references_ends() -> None:
    assert reachable({"a"}, {"a": {"b"}, "b": {"a"}}) == {"a", "b"}

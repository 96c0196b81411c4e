"""A snapshot's manifest, made anew from the files that it names."""

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.traces._content_digest import ContentDigest
from teleprompt.traces._shares import ContributorCounts
from teleprompt.traces.snapshot import Snapshot, read_sealed_and_open


def recount(snapshot: Snapshot) -> Snapshot:
    """The manifest with the rows, digests, split and contributors that the files have; equal if nobody changed them.

    Raises:
        TelepromptError: a file is missing or damaged.
    """
    counts = ContributorCounts()
    parts, split = {}, {}
    for name, table in read_sealed_and_open(snapshot).items():
        content, ids = ContentDigest(), ContentDigest()
        content.update(table)
        ids.update(table.select(["trace_id"]))
        counts.add(table)
        found = {"rows": len(table), "content": content.hexdigest()}
        parts[name] = snapshot.parts[name].model_copy(update=found)
        split[name.value] = ids.hexdigest()
    return snapshot.model_copy(
        update={"parts": parts, "split_digest": digest_of(split), "contributors": counts.shares()}
    )

"""The credit for one promoted program: who brought what, how much of it, and the tree over all of it."""

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain

from pydantic import Field

from teleprompt.attribution._copies import copies_of_earlier
from teleprompt.attribution._utility import NearestAnswers, Value, group_shapley, leave_one_out
from teleprompt.attribution.contributors import Contributor, Quarantine, contributors_of
from teleprompt.attribution.shares import weights_of
from teleprompt.attribution.trace_tree import trace_tree
from teleprompt.attribution.usage import Used, demo_traces, rows_read, used_by, with_borrowed
from teleprompt.attribution.wallets import CallOwner, Wallets, owner_of
from teleprompt.config.attribution import AttributionConfig, Unpayable, WeightingMethod
from teleprompt.errors import TelepromptError
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Digest, Record, to_millionths
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot, read_for_credit
from teleprompt.traces.split import Part

log = logging.getLogger(__name__)


RULE = 3
"""Of who is credited for what: since 2 for the traces that a stage read, with disputed calls apart; since 3 copies of
earlier calls bring nothing, and `group_shapley` values any number of contributors."""


class Credit(Record):
    """One contributor's part; the weights of a run sum to one million."""

    contributor_id: str
    ids: tuple[str, ...]
    address: str | None
    quarantine: Quarantine | None
    weight_e6: int
    trace_count: int
    avg_score_e6: int
    used: Used
    value_e6: int | None
    """What the weight is in proportion to, where that is not the number of traces."""
    error_e6: int | None
    """Its standard error, where it is an estimate."""


class Attribution(Record):
    """Who is credited, by which method, and the root of the tree over the traces that were read."""

    rule: int = 1
    method: WeightingMethod
    instead_of: WeightingMethod | None = None
    """The method that was asked for but found that nobody's traces add anything."""
    cap_e6: int | None
    copies_from: float | None = None
    """From this likeness on a call that says again what an earlier one said brings nothing."""
    unpayable: Unpayable
    min_quality_score: float
    """From here on a trace turned out well."""
    credits: tuple[Credit, ...]
    wallets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The addresses that stood for each id."""
    traces_root: Digest
    traces_count: int
    secret: Digest
    """The salts of the tree's leaves come from it: who has it and a trace can tell whether the trace was used."""

    def holders(self) -> dict[CallOwner, str]:
        """The contributor whom each owner's calls are counted for."""
        return {
            CallOwner(own, credit.quarantine is Quarantine.ADDRESS_CONFLICT): credit.contributor_id
            for credit in self.credits
            for own in credit.ids
        }


def attribute(
    snapshot: Snapshot,
    *,
    program: Blob,
    config: AttributionConfig,
    min_quality_score: float,
    compared: Collection[str],
    wallets: Wallets,
    later: Sequence[Snapshot] = (),
    borrowed: Sequence[TraceRow] = (),
    secret: str | None = None,
) -> Attribution:
    """The credit for `program`, a state that was made from `snapshot`, over the traces that a stage read.

    `borrowed` are traces of another program that stand in it as demonstrations: they count like those it was taught by.

    `compared` are the ids of the sealed traces that the gate read, `later` the snapshots of a trial's further windows
    that hold some of them, `wallets` the addresses that stand for ids.
    `secret` makes the same tree again; without one it is drawn.

    Raises:
        TelepromptError: no trace was read, or the method cannot value its contributors.
    """
    collected = read_for_credit(snapshot, later=later)
    parts = rows_read(collected, min_quality_score=min_quality_score, compared=compared)
    parts = with_borrowed(parts, borrowed)
    rows = [row for part in parts.values() for row in part]
    people = contributors_of(rows, wallets)
    if not people:
        raise TelepromptError(f"No trace of the snapshot {snapshot.digest} was read, so there is nobody to credit.")
    _say_conflicts(people)
    holders = {owner: person.contributor_id for person in people for owner in person.owners}

    def holder_of(row: TraceRow) -> str:
        return holders[owner_of(row, wallets)]

    secret = secret or secrets.token_hex(32)
    tree = trace_tree(rows, bytes.fromhex(secret))
    values = _values(people, _originals(parts, config), config.method, snapshot.fields, holder_of)
    method = config.method
    if values is not None and all(value.value_e6 <= 0 for value in values.values()):
        log.warning("By %s nobody's traces add anything; credit goes by the number of traces.", method)
        method, values = WeightingMethod.DEDUPLICATED_COUNT, None
    cap_e6 = None if config.cap is None else to_millionths(config.cap)
    weights = weights_of(
        [p.trace_count if values is None else values[p.contributor_id].value_e6 for p in people],
        tie_break=[p.tie_break for p in people],
        cap_e6=cap_e6,
    )
    used = used_by(
        parts,
        demo_traces(get_blob(program), parts[Part.TRAIN], snapshot.fields),
        holder_of=holder_of,
        contributors=[person.contributor_id for person in people],
    )
    return Attribution(
        rule=RULE,
        method=method,
        instead_of=config.method if method is not config.method else None,
        cap_e6=cap_e6,
        copies_from=config.copies_from,
        unpayable=config.unpayable,
        min_quality_score=min_quality_score,
        credits=tuple(
            _credit(person, weight, used[person.contributor_id], (values or {}).get(person.contributor_id), method)
            for person, weight in zip(people, weights, strict=True)
        ),
        wallets=dict(wallets),
        traces_root=tree.root.hex(),
        traces_count=len(tree),
        secret=secret,
    )


def _say_conflicts(people: Sequence[Contributor]) -> None:
    disputed = [person for person in people if person.quarantine is Quarantine.ADDRESS_CONFLICT]
    if disputed:
        log.warning(
            "%d calls under %d ids name another address than the one that stands for the id; they are held back, and "
            "`attribution.wallets` says which address is right.",
            sum(person.trace_count for person in disputed),
            len(disputed),
        )


def _originals(
    parts: Mapping[Part, Sequence[TraceRow]], config: AttributionConfig
) -> Mapping[Part, Sequence[TraceRow]]:
    """The rows without those that say again what an earlier one said."""
    if config.copies_from is None or config.method is WeightingMethod.DEDUPLICATED_COUNT:
        return parts
    copies = copies_of_earlier([row for part in parts.values() for row in part], threshold=config.copies_from)
    by_answers = config.method in {WeightingMethod.LEAVE_ONE_OUT, WeightingMethod.GROUP_SHAPLEY}
    # Those to be answered are what calls are valued by, whoever else asked the same.
    kept = frozenset({Part.SELECT, Part.GATE}) if by_answers else frozenset()
    return {
        part: rows if part in kept else [row for row in rows if row.trace_id not in copies]
        for part, rows in parts.items()
    }


def _values(
    people: Sequence[Contributor],
    parts: Mapping[Part, Sequence[TraceRow]],
    method: WeightingMethod,
    fields: ProgramFields,
    holder_of: Callable[[TraceRow], str],
) -> dict[str, Value] | None:
    """What the weights are in proportion to; None: to the numbers of traces."""
    if method is WeightingMethod.DEDUPLICATED_COUNT:
        return None
    if method is WeightingMethod.QUALITY_WEIGHTED:
        sums = Counter[str]()
        for row in chain.from_iterable(parts.values()):
            sums[holder_of(row)] += row.score_e6
        return {p.contributor_id: Value(value_e6=sums[p.contributor_id], error_e6=0) for p in people}
    answers = NearestAnswers.of(
        parts[Part.TRAIN],
        parts[Part.SELECT],
        fields=fields,
        holder_of=holder_of,
        contributors=[person.contributor_id for person in people],
    )
    return leave_one_out(answers) if method is WeightingMethod.LEAVE_ONE_OUT else group_shapley(answers)


def _credit(person: Contributor, weight_e6: int, used: Used, value: Value | None, method: WeightingMethod) -> Credit:
    return Credit(
        contributor_id=person.contributor_id,
        ids=tuple(owner.contributor_id for owner in person.owners),
        address=person.address,
        quarantine=person.quarantine,
        weight_e6=weight_e6,
        trace_count=person.trace_count,
        avg_score_e6=person.score_sum_e6 // person.trace_count,
        used=used,
        value_e6=None if value is None else value.value_e6,
        error_e6=None if value is None or method is WeightingMethod.QUALITY_WEIGHTED else value.error_e6,
    )

"""The credit for a program, from a snapshot to weights and a tree."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from teleprompt.attribution.attribute import Attribution, attribute
from teleprompt.attribution.contributors import Quarantine
from teleprompt.attribution.trace_tree import trace_digest, trace_leaf, trace_salt, trace_tree
from teleprompt.attribution.usage import Used, demo_traces
from teleprompt.attribution.wallets import earliest, standing_wallets
from teleprompt.config.attribution import AttributionConfig
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.encoding.merkle import root_of_proof
from teleprompt.evaluate.examples import good_rows
from teleprompt.records import MILLION
from teleprompt.storage.blobs import Blob, put_blob
from teleprompt.traces.first_use import FirstUse
from teleprompt.traces.snapshot import Snapshot, read_for_credit
from teleprompt.traces.split import Part
from tests.support import ALICE, BOB, FIELDS, WEEK, raw_trace, trace_row, write_snapshot_of

EVE = {"contributor_id": "eve", "contributor_address": None}
PEOPLE = [
    {"contributor_id": "alice", "contributor_address": ALICE},
    {"contributor_id": "bob", "contributor_address": BOB},
    EVE,
]


def snapshot(folder: Path, count: int = 120) -> Snapshot:
    """Questions about fruits: Alice answers some rightly, Bob the others, Eve at random."""
    fruits = {"apple": "red", "pear": "green", "plum": "blue", "melon": "yellow", "fig": "brown"}
    traces = []
    for i in range(count):
        person = PEOPLE[i % 3]
        fruit = list(fruits)[(i // 3) % 2 if i % 3 == 0 else 2 + (i // 3) % 3 if i % 3 == 1 else (i // 3) % 5]
        traces.append(
            raw_trace(
                trace_id=f"t{i}",
                inputs={"question": f"what colour has {fruit} {fruit} number {i}"},
                outputs={"answer": f"colour{i}" if person is EVE else fruits[fruit]},
                outcomes={"outcome_score": 0.8 if person is EVE else 0.9},
                **person,
            )
        )
    return write_snapshot_of(traces, folder, fields=FIELDS, optimization={"min_quality_score": 0.7})[0]


def program(folder: Path, demos: list[Mapping[str, Any]]) -> Blob:
    state = canonical_json({"lm": None, "demos": demos, "signature": {}})
    return put_blob(str(folder), "programs", state, suffix=".json")


def credit(
    folder: Path,
    *,
    of: Snapshot | None = None,
    demos: list[Mapping[str, Any]] | None = None,
    compared: list[str] | None = None,
    earlier: Sequence[FirstUse] = (),
    **config: Any,
) -> Attribution:
    """The credit where the gate compared on all good sealed traces, if nothing else is said."""
    taken = of or snapshot(folder)
    sealed = good_rows(read_for_credit(taken)[Part.GATE], min_quality_score=0.7)
    rows = [row for part in read_for_credit(taken).values() for row in part]
    uses = [
        FirstUse(contributor_id=r.contributor_id, started_at_ms=r.started_at_ms, address=r.contributor_address)
        for r in sorted(rows, key=lambda r: (r.started_at_ms, r.trace_id))
    ]
    known = earliest([*earlier, *uses])
    own = AttributionConfig.model_validate(config)
    return attribute(
        taken,
        program=program(folder, demos or []),
        config=own,
        min_quality_score=0.7,
        compared=[row.trace_id for row in sealed] if compared is None else compared,
        wallets=standing_wallets(known, named=own.wallets),
    )


def weights(attribution: Attribution) -> dict[str, int]:
    return {c.contributor_id: c.weight_e6 for c in attribution.credits}


def test_by_count_everyone_is_credited_and_who_has_no_address_is_quarantined(tmp_path: Path) -> None:
    found = credit(tmp_path, method="deduplicated_count")
    assert weights(found) == {"alice": 333_333, "bob": 333_334, "eve": 333_333}
    assert {c.contributor_id: c.quarantine for c in found.credits} == {
        "alice": None,
        "bob": None,
        "eve": Quarantine.NO_ADDRESS,
    }


def test_it_says_where_each_trace_was_used(tmp_path: Path) -> None:
    parts = read_for_credit(snapshot(tmp_path))
    shown = next(row for row in parts[Part.TRAIN] if row.contributor_id == "bob")
    found = credit(tmp_path, demos=[{"augmented": True, **shown.inputs, "answer": "from the model"}])
    for one in found.credits:
        own = {part: sum(1 for row in rows if row.contributor_id == one.contributor_id) for part, rows in parts.items()}
        assert one.used == Used(
            train=own[Part.TRAIN],
            select=own[Part.SELECT],
            gate=own[Part.GATE],
            demos=1 if one.contributor_id == "bob" else 0,
        )
        assert one.trace_count == sum(own.values())


def test_quality_counts_scores_and_coalitions_count_answers(tmp_path: Path) -> None:
    found = credit(tmp_path, method="quality_weighted", copies_from=None)
    assert weights(found)["eve"] == pytest.approx(0.8 / 2.6 * MILLION, abs=2)
    for method in ("leave_one_out", "group_shapley"):
        found = credit(tmp_path, method=method)
        assert found.method.value == method
        assert weights(found)["eve"] == 0
        assert all(c.error_e6 is not None for c in found.credits)


def reworded(folder: Path, copier: str) -> Snapshot:
    """Forty letters of Alice's, and after each one the same with another first word, from a copier."""
    letters = [" ".join(f"word{i}-{place}" for place in range(12)) for i in range(40)]
    traces = [
        raw_trace(
            trace_id=f"{who} {i}",
            started_at_ms=WEEK.start_ms + 1000 * (2 * i + (who == "copy")),
            inputs={"question": letter if who == "first" else f"otherwise {letter}"},
            outputs={"answer": f"answer {i}"},
            outcomes={"outcome_score": 1.0},
            contributor_id="alice" if who == "first" else copier,
            contributor_address=None,
        )
        for i, letter in enumerate(letters)
        for who in ("first", "copy")
    ]
    return write_snapshot_of(traces, folder, fields=FIELDS)[0]


@pytest.mark.parametrize("method", ["quality_weighted", "group_shapley"])
def test_who_rewords_what_others_logged_before_earns_next_to_nothing(tmp_path: Path, method: str) -> None:
    found = credit(tmp_path, of=reworded(tmp_path, "eve"), method=method)
    assert weights(found)["alice"] > 0.9 * MILLION
    assert {one.contributor_id for one in found.credits} == {"alice", "eve"}
    each = credit(tmp_path, of=reworded(tmp_path, "eve"), method=method, copies_from=None)
    assert 0.4 * MILLION < weights(each)["eve"] < 0.6 * MILLION


def test_rewording_ones_own_calls_brings_nothing_more(tmp_path: Path) -> None:
    def value(copies_from: float | None) -> int | None:
        found = credit(tmp_path, of=reworded(tmp_path, "alice"), copies_from=copies_from)
        assert found.copies_from == copies_from
        return found.credits[0].value_e6

    assert value(None) == 80 * MILLION
    assert value(0.6) == pytest.approx(40 * MILLION, abs=4 * MILLION)


def test_where_nobody_would_be_missed_credit_goes_by_count_and_says_so(tmp_path: Path) -> None:
    same = [
        raw_trace(
            trace_id=f"t{i}",
            inputs={"question": f"the one question {i}"},
            outputs={"answer": "yes"},
            outcomes={"outcome_score": 0.9},
            **PEOPLE[i % 2],
        )
        for i in range(60)
    ]
    found = attribute(
        write_snapshot_of(same, tmp_path, fields=FIELDS)[0],
        program=program(tmp_path, []),
        config=AttributionConfig.model_validate({"method": "leave_one_out"}),
        min_quality_score=0.7,
        compared=(),
        wallets={},
    )
    assert (found.method.value, found.instead_of and found.instead_of.value) == ("deduplicated_count", "leave_one_out")


def test_the_tree_holds_each_trace_and_its_salts_follow_from_one_secret(tmp_path: Path) -> None:
    taken = snapshot(tmp_path)
    found = credit(tmp_path)
    rows = [row for part in read_for_credit(taken).values() for row in part]
    secret = bytes.fromhex(found.secret)
    tree = trace_tree(rows, secret)
    assert (tree.root.hex(), len(tree)) == (found.traces_root, found.traces_count) == (tree.root.hex(), len(rows))
    row = rows[7]
    leaf = trace_leaf(trace_digest(row, trace_salt(secret, row.trace_id)), row.contributor_address, row.score_e6)
    assert root_of_proof(leaf, tree.proof(leaf)).hex() == found.traces_root
    other = trace_leaf(trace_digest(row, trace_salt(b"guess", row.trace_id)), row.contributor_address, row.score_e6)
    with pytest.raises(KeyError):
        tree.proof(other)
    again = attribute(
        taken,
        program=program(tmp_path, []),
        config=AttributionConfig(),
        min_quality_score=0.7,
        compared=[row.trace_id for row in read_for_credit(taken)[Part.GATE]],
        wallets=found.wallets,
        secret=found.secret,
    )
    assert again == found
    assert credit(tmp_path).traces_root != found.traces_root  # another secret, another tree


def test_a_demonstration_is_known_by_its_inputs() -> None:
    rows = [trace_row(trace_id="a", inputs={"question": "[1,2]"}), trace_row(trace_id="b", inputs={"question": "why"})]
    nested = {"step.predict": {"demos": [{"question": [1, 2]}, {"context": "no input"}]}, "metadata": {}}
    assert demo_traces(canonical_json(nested), rows, FIELDS) == ("a",)
    bare = {"demos": [{"question": "why"}, {"question": "unknown"}, {"question": "why"}]}
    assert demo_traces(canonical_json(bare), rows, FIELDS) == ("b",)


def worthless(count: int) -> list[dict[str, Any]]:
    return [
        raw_trace(
            trace_id=f"w{i}",
            inputs={"question": f"nobody asked number {i}"},
            outputs={"answer": "junk"},
            outcomes={"outcome_score": 0.0},
            contributor_id="mallory",
            contributor_address=BOB,
        )
        for i in range(count)
    ]


def alices(count: int, *, named: str = "alice", address: str | None = ALICE, first: int = 0) -> list[dict[str, Any]]:
    return [
        raw_trace(
            trace_id=f"a{i}",
            started_at_ms=WEEK.start_ms + i * 60_000,
            inputs={"question": f"what is the sum of {i} and one"},
            outputs={"answer": str(i + 1)},
            outcomes={"outcome_score": 1.0},
            contributor_id=named,
            contributor_address=address,
        )
        for i in range(first, first + count)
    ]


@pytest.mark.parametrize("method", ["quality_weighted", "deduplicated_count"])
@pytest.mark.parametrize("min_quality_score", [0.7, 0.0])
def test_calls_whose_outcome_is_worthless_earn_nothing(tmp_path: Path, method: str, min_quality_score: float) -> None:
    taken, _ = write_snapshot_of([*alices(100), *worthless(1000)], tmp_path, fields=FIELDS)
    parts = read_for_credit(taken)
    found = attribute(
        taken,
        program=program(tmp_path, []),
        config=AttributionConfig.model_validate({"method": method}),
        min_quality_score=min_quality_score,
        compared=[row.trace_id for row in good_rows(parts[Part.GATE], min_quality_score=min_quality_score)],
        wallets={"alice": (ALICE,), "mallory": (BOB,)},
    )
    if min_quality_score == 0.0 and method == "deduplicated_count":
        assert weights(found)["mallory"] > 0  # they were read, and this method looks at nothing else
    else:
        assert weights(found).get("mallory", 0) == 0


def test_only_traces_that_a_stage_read_are_credited_and_proved(tmp_path: Path) -> None:
    """The gate retires examples and leaves out what a program knows by heart; those were not used."""
    taken = snapshot(tmp_path)
    parts = read_for_credit(taken)
    compared = [row.trace_id for row in parts[Part.GATE]][:5]
    found = credit(tmp_path, of=taken, compared=compared)
    assert sum(one.used.gate for one in found.credits) == 5
    assert found.traces_count == len(parts[Part.TRAIN]) + len(parts[Part.SELECT]) + 5
    assert sum(one.trace_count for one in found.credits) == found.traces_count


def test_a_call_under_anothers_id_is_held_back_and_her_pay_stays(tmp_path: Path) -> None:
    taken, _ = write_snapshot_of([*alices(100), *alices(1, address=BOB, first=100)], tmp_path, fields=FIELDS)
    found = credit(tmp_path, of=taken)
    people = {one.contributor_id: (one.address, one.quarantine, one.trace_count) for one in found.credits}
    assert people == {
        "alice": (ALICE, None, 100),
        "alice (disputed)": (None, Quarantine.ADDRESS_CONFLICT, 1),
    }


def test_the_address_of_an_earlier_window_stands(tmp_path: Path) -> None:
    """Whoever is quick at the beginning of a window does not take over the id."""
    taken, _ = write_snapshot_of([*alices(1, address=BOB), *alices(99, first=1)], tmp_path, fields=FIELDS)
    found = credit(tmp_path, of=taken, earlier=[FirstUse(contributor_id="alice", started_at_ms=0, address=ALICE)])
    assert {one.address for one in found.credits if one.contributor_id == "alice"} == {ALICE}


def test_one_call_with_an_address_does_not_take_an_id_that_is_used_without_one(tmp_path: Path) -> None:
    taken, _ = write_snapshot_of(
        [*alices(100, address=None), *alices(1, address=BOB, first=100)], tmp_path, fields=FIELDS
    )
    found = credit(tmp_path, of=taken)
    people = {one.contributor_id: (one.address, one.quarantine, one.trace_count) for one in found.credits}
    assert people == {
        "alice": (None, Quarantine.NO_ADDRESS, 100),
        "alice (disputed)": (None, Quarantine.ADDRESS_CONFLICT, 1),
    }


def test_a_wallet_is_changed_by_the_program_file(tmp_path: Path) -> None:
    taken, _ = write_snapshot_of([*alices(50), *alices(50, address=BOB, first=50)], tmp_path, fields=FIELDS)
    found = credit(tmp_path, of=taken, wallets={"alice": BOB})
    assert [(one.contributor_id, one.address) for one in found.credits] == [("alice", BOB)]
    assert found.traces_count == 100

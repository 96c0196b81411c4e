import json

import pytest

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.program.fields import Field, ProgramFields
from teleprompt.traces._validate import Reason, Validated, validate
from tests.support import ALICE, FIELDS, WEEK, raw_table, raw_trace

OUTCOME = OutcomeConfig()
NOW_MS = 2**62


def judged(*, outcome: OutcomeConfig = OUTCOME, fields: ProgramFields = FIELDS, **changes: object) -> Validated:
    table = raw_table([raw_trace(**changes)])
    return validate(table, program="P", fields=fields, outcome=outcome, now_ms=NOW_MS)


def reason_of(**changes: object) -> str:
    (reason,) = judged(**changes).quarantine["reason"].to_pylist()
    return str(reason)


def test_a_good_trace_becomes_a_row() -> None:
    good = judged(contributor_address=ALICE.lower())
    (row,) = good.rows.to_pylist()
    assert (row["contributor_address"], row["inputs"], row["outcomes"]) == (
        ALICE,
        {"question": "why"},
        [("outcome_score", 0.9)],
    )
    assert good.values["outcome_score"].to_pylist() == [0.9]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"failed": True}, Reason.FAILED_CALL),
        ({"inputs": {}}, Reason.MISSING_INPUT),
        ({"inputs": {"question": ""}}, Reason.MISSING_INPUT),
        ({"inputs": {"question.user.text": "why"}}, Reason.NESTED_INPUT),
        ({"inputs": {"question": {"text": "why"}}}, Reason.NESTED_INPUT),
        ({"outputs": {}}, Reason.MISSING_OUTPUT),
        ({"outcomes": {}}, Reason.MISSING_OUTCOME),
        ({"outcomes": {"other": 1.0}}, Reason.MISSING_OUTCOME),
        ({"outcomes": {"outcome_score": float("nan")}}, Reason.OUTCOME_NOT_A_NUMBER),
        ({"outcomes": {"outcome_score": float("inf")}}, Reason.OUTCOME_NOT_A_NUMBER),
        ({"outcomes": {"outcome_score": None}}, Reason.OUTCOME_NOT_A_NUMBER),
        ({"outcomes": {"outcome_score": 1.01}}, Reason.OUTCOME_OUT_OF_RANGE),
        ({"outcomes": {"outcome_score": -0.01}}, Reason.OUTCOME_OUT_OF_RANGE),
        ({"contributor_id": None}, Reason.MISSING_CONTRIBUTOR),
        ({"contributor_address": "0xinvalid"}, Reason.INVALID_ADDRESS),
        ({"contributor_address": ALICE.replace("D", "d")}, Reason.INVALID_ADDRESS),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason(changes: dict, reason: Reason) -> None:
    judgement = judged(**changes)
    assert len(judgement.rows) == 0
    (kept,) = judgement.quarantine.to_pylist()
    assert kept["reason"] == reason
    assert json.loads(kept["raw"])["trace_id"] == "t1"


def test_a_param_that_mlflow_cut_is_not_used_and_a_long_trace_is() -> None:
    whole, cut = "x" * 5_999, "x" * 6_000
    assert len(judged(inputs={"question": whole}).rows) == 1
    assert reason_of(inputs={"question": cut}) == Reason.TRUNCATED
    assert reason_of(outputs={"answer": cut}) == Reason.TRUNCATED
    assert len(judged(source="traces", inputs={"question": cut}).rows) == 1


def test_a_call_from_the_future_comes_from_a_wrong_clock() -> None:
    def at(now_ms: int) -> Validated:
        return validate(raw_table([raw_trace()]), program="P", fields=FIELDS, outcome=OUTCOME, now_ms=now_ms)

    assert len(at(WEEK.start_ms).rows) == 1
    assert at(WEEK.start_ms - 1).quarantine["reason"].to_pylist() == [Reason.FUTURE_START]


def test_a_contributor_without_address_is_credited_all_the_same() -> None:
    (row,) = judged(contributor_address=None).rows.to_pylist()
    assert row["contributor_address"] is None


def any_input(*, required: bool = True) -> ProgramFields:
    field = Field(name="q", is_text=False, type="Any", json_schema={}, required=required)
    return ProgramFields(inputs=(field,), outputs=FIELDS.outputs)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, 2.0], "a": None}, '{"a":null,"b":[1,2.0]}'),
        (2.0, "2.0"),
        (2**70, "1180591620717411303424"),
        (False, "false"),
        (None, "null"),
        ("2.0", '"2.0"'),
    ],
    ids=str,
)
def test_values_of_other_types_than_text_are_kept_as_json(value: object, text: str) -> None:
    (row,) = judged(source="traces", fields=any_input(), inputs={"q": value}).rows.to_pylist()
    assert row["inputs"] == {"q": text}


@pytest.mark.parametrize(
    ("param", "text"),
    [("2.0", "2.0"), ("true", "true"), ("True", "true"), ("None", "null"), ("['a', 1]", '["a",1]'), ("a b", '"a b"')],
)
def test_a_param_of_a_run_is_read_as_what_was_logged(param: str, text: str) -> None:
    (row,) = judged(source="runs", fields=any_input(), inputs={"q": param}).rows.to_pylist()
    assert row["inputs"] == {"q": text}


def test_an_input_that_the_program_can_do_without_may_be_absent() -> None:
    (row,) = judged(fields=any_input(required=False), inputs={}).rows.to_pylist()
    assert row["inputs"] == {"q": None}
    assert judged(fields=any_input(), inputs={}).quarantine["reason"].to_pylist() == [Reason.MISSING_INPUT]


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {"deep": float("inf")}])
def test_what_json_or_unicode_cannot_hold_is_unreadable(value: object) -> None:
    assert reason_of(source="traces", inputs={"question": value}) == Reason.UNREADABLE_VALUE


def test_quarantined_numbers_that_json_lacks_are_kept_as_text() -> None:
    (kept,) = judged(outcomes={"outcome_score": float("nan")}).quarantine.to_pylist()
    assert json.loads(kept["raw"], parse_constant=pytest.fail)["outcomes"][0]["value"] == "nan"


def test_many_rows_are_judged_each_for_itself() -> None:
    table = raw_table(
        [raw_trace(trace_id=str(i), contributor_id=None if i % 3 else "alice", failed=i % 2 == 0) for i in range(12)]
    )
    judgement = validate(table, program="P", fields=FIELDS, outcome=OUTCOME, now_ms=NOW_MS)
    assert judgement.rows["trace_id"].to_pylist() == ["3", "9"]
    assert sorted(judgement.quarantine["reason"].to_pylist()) == ["failed_call"] * 6 + ["missing_contributor"] * 4

import json

import pytest

from include.teleprompt.config.program import OutcomeConfig
from include.teleprompt.program.fields import Field, ProgramFields
from include.teleprompt.traces.row import TraceRow
from include.teleprompt.traces.validate import Quarantined, Reason, validate
from tests.support import ALICE, FIELDS, raw_trace

OUTCOME = OutcomeConfig()


def judged(outcome: OutcomeConfig = OUTCOME, fields: ProgramFields = FIELDS, **changes) -> TraceRow | Quarantined:
    return validate(raw_trace(**changes), program="P", fields=fields, outcome=outcome)


def test_a_good_trace_becomes_a_row() -> None:
    row = judged(contributor_address=ALICE.lower())
    assert isinstance(row, TraceRow)
    assert (row.score_e6, row.contributor_address) == (900_000, ALICE)


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
    verdict = judged(**changes)
    assert isinstance(verdict, Quarantined)
    assert verdict.reason is reason
    assert json.loads(verdict.raw)["trace_id"] == "t1"


def test_a_contributor_without_address_is_credited_all_the_same() -> None:
    row = judged(contributor_address=None)
    assert isinstance(row, TraceRow)
    assert row.contributor_address is None


def test_outcomes_are_scaled_to_the_unit_interval() -> None:
    row = judged(OutcomeConfig(metric="stars", minimum=1, maximum=5), outcomes={"stars": 4.0})
    assert isinstance(row, TraceRow)
    assert row.score_e6 == 750_000


def test_values_that_are_not_text_are_kept_as_canonical_json() -> None:
    listy = ProgramFields(inputs=(Field(name="q", is_text=False, is_categorical=False),), outputs=FIELDS.outputs)
    row = judged(fields=listy, inputs={"q": {"b": [1, 2], "a": None}})
    assert isinstance(row, TraceRow)
    assert row.inputs == {"q": '{"a":null,"b":[1,2]}'}

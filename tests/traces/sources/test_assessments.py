from typing import Any

import pytest

from teleprompt.traces.sources import _traces_rest
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, event


@pytest.mark.parametrize(
    ("by_database", "by_server"), [(3, 3.0), ({"k": 1, "z": [1, 2.5]}, {"k": 1.0, "z": [1.0, 2.5]})]
)
@pytest.mark.parametrize("kind", [EXPECTATION, FEEDBACK])
def test_a_whole_number_is_one_by_every_route(kind: str, by_database: Any, by_server: Any) -> None:
    """MLflow's server has no other numbers than floats."""
    logged = event("n", by_database, 0, kind=kind, source="HUMAN", rater=None, span=None, rationale=None, metadata=None)
    answered = {
        "assessment_name": "n",
        "create_time": "1970-01-01T00:00:00Z",
        "source": {"source_type": "HUMAN"},
        kind: {"value": by_server},
    }
    assert logged is not None
    assert _traces_rest._event(answered) == logged


def test_true_stays_true() -> None:
    given = event("n", True, 0, kind=EXPECTATION, source=None, rater=None, span=None, rationale=None, metadata=None)
    assert given is not None
    assert given.said.text == "true"

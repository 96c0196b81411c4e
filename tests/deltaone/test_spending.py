"""Alpha over many looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.teleprompt.deltaone.spending import alpha_of_look


@given(st.integers(1, 400), st.floats(0.001, 0.2), st.integers(1, 3000))
def test_however_many_looks_their_errors_sum_to_no_more_than_alpha(planned: int, alpha: float, looks: int) -> None:
    spent = sum(alpha_of_look(i, alpha=alpha, looks_a_year=planned) for i in range(1, looks + 1))
    assert spent <= alpha + looks / 1e6  # no look gets less than a millionth


def test_later_looks_get_less_and_planned_ones_enough() -> None:
    spent = [alpha_of_look(i, alpha=0.05, looks_a_year=52) for i in range(1, 60)]
    assert spent == sorted(spent, reverse=True)
    assert (spent[0], spent[1], spent[51], spent[52]) == (0.01298, 0.004647, 0.000489, 8e-06)


def test_looks_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        alpha_of_look(0, alpha=0.05, looks_a_year=52)

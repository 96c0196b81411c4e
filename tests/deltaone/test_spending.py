"""Alpha over many looks."""

from hypothesis import given
from hypothesis import strategies as st

from teleprompt.deltaone.spending import alpha_of_look


def looks(number: int, *, alpha: float = 0.05, looks_a_year: int = 52) -> list[float]:
    spent: list[float] = []
    for _ in range(number):
        spent.append(alpha_of_look(spent, alpha=alpha, looks_a_year=looks_a_year))
    return spent


@given(st.integers(1, 400), st.floats(0.001, 0.2), st.integers(1, 500))
def test_however_many_looks_their_errors_sum_to_no_more_than_alpha(planned: int, alpha: float, number: int) -> None:
    spent = looks(number, alpha=alpha, looks_a_year=planned)
    assert sum(spent) <= alpha + 1e-9
    assert min(spent) >= 0


def test_later_looks_get_less_and_planned_ones_enough() -> None:
    spent = looks(60)
    assert spent == sorted(spent, reverse=True)
    assert (spent[0], spent[1], spent[51], spent[52]) == (0.01298, 0.004647, 0.000489, 0.000489)


def test_years_go_on_as_the_first_one_ends() -> None:
    """Every week the look of a year ago stops counting."""
    spent = looks(52)
    for _ in range(300):
        spent.append(alpha_of_look(spent[-52:], alpha=0.05, looks_a_year=52))
        assert sum(spent[-53:]) <= 0.05
    assert spent[-1] >= 0.05 / 104


def test_a_budget_that_was_made_smaller_is_kept_too() -> None:
    assert alpha_of_look(looks(10, alpha=0.1), alpha=0.05, looks_a_year=52) == 0
    assert (
        sum(looks(10, looks_a_year=10)) + alpha_of_look(looks(10, looks_a_year=10), alpha=0.05, looks_a_year=20) <= 0.05
    )

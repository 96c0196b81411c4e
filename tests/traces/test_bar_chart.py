import re

import pytest

from teleprompt.traces._bar_chart import bar_chart


def heights(svg: str) -> list[float]:
    return [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]


def lines(svg: str) -> list[int]:
    return [int(number) for number in re.findall(r'text-anchor="end">(\d+)<', svg)]


def test_bars_are_as_high_as_their_values_and_say_them() -> None:
    svg = bar_chart(["a", "b", "c"], [10, 0, 5], x="letter", y="traces")
    assert heights(svg) == [140, 0, 70]
    assert "<title>c: 5</title>" in svg
    assert ">letter<" in svg
    assert ">traces<" in svg


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(1, [0, 1]), (5, [0, 1, 2, 3, 4, 5]), (6, [0, 2, 4, 6]), (23, [0, 5, 10, 15, 20]), (99, [0, 20, 40, 60, 80])],
)
def test_lines_lie_at_few_round_numbers(highest: int, expected: list[int]) -> None:
    assert lines(bar_chart(["a"], [highest], x="", y="")) == expected


def test_of_many_labels_some_are_written_and_all_are_said() -> None:
    svg = bar_chart([f"d{i}" for i in range(90)], [1] * 90, x="day", y="traces")
    assert len(re.findall(r">d\d+</text>", svg)) == 23
    assert svg.count("<title>d") == 90


def test_names_are_escaped_and_long_ones_cut() -> None:
    svg = bar_chart(["<b>bob</b> of a house with a long name"], [1], x="<x>", y="")
    assert "<b>" not in svg
    assert ">&lt;b&gt;bob&lt;/b&gt; of a house wi</text>" in svg
    assert "&lt;x&gt;" in svg


def test_without_values_there_are_axes() -> None:
    svg = bar_chart([], [], x="day", y="traces")
    assert heights(svg) == []
    assert lines(svg) == [0, 1]

"""Each message of docs/troubleshooting.md is one that the source can give."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from teleprompt.config.files import ProgramFileError, load_program_file
from teleprompt.config.gate import Claim
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy
from teleprompt.errors import InsufficientTracesError, OptimizationTimeoutError
from teleprompt.records import MILLION
from teleprompt.traces._validate import Reason
from tests import REPOSITORY
from tests.support import WEEK, fenced_blocks

PAGE = "docs/troubleshooting.md"
MESSAGES = [block.strip() for block in fenced_blocks(PAGE, "text")]
LEAST = 15
"""Letters of its own that a template needs: one of less would match anything."""


@cache
def templates() -> list[re.Pattern[str]]:
    """The texts of the source, with something in each place of a value."""
    found = []
    for folder in ("include/teleprompt", "plugins/teleprompt_airflow"):
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            found += [text for node in ast.walk(ast.parse(file.read_text())) if (text := template(node)) is not None]
    return found


def template(node: ast.AST) -> re.Pattern[str] | None:
    match node:
        case ast.Constant(value=str(text)):
            parts = [text]
        case ast.JoinedStr(values=values):
            parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in values]
        case _:
            return None
    if None in parts and sum(len(part) for part in parts if part) < LEAST:
        return None
    return re.compile("".join(".+?" if part is None else re.escape(part) for part in parts), re.DOTALL)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_source_can_give_the_message(message: str, tmp_path: Path) -> None:
    if message.startswith("email_draft.yaml:"):
        assert message == problem_of_a_misspelt_key(tmp_path)
    else:
        assert any(pattern.fullmatch(message) for pattern in templates())


def problem_of_a_misspelt_key(folder: Path) -> str:
    (folder / "email_draft.yaml").write_text("name: EmailDraft\noptimization:\n  min_trace: 200\n")
    with pytest.raises(ProgramFileError) as problem:
        load_program_file(folder / "email_draft.yaml")
    return str(problem.value)


def test_a_message_that_nobody_gives_is_noticed() -> None:
    assert not any(pattern.fullmatch("Insufficient traces: 500 of 1000.") for pattern in templates())


def test_the_cases_of_the_original_documents_are_quoted_whole() -> None:
    few = InsufficientTracesError(500, 1000, program="EmailDraft", window=str(WEEK))
    assert {str(few), str(OptimizationTimeoutError(7200))} <= set(MESSAGES)
    text = (REPOSITORY / PAGE).read_text()
    assert f"`{Reason.INVALID_ADDRESS}`" in text
    assert "### No DeltaOne" in text


def test_verdicts_are_quoted_in_the_gates_own_words() -> None:
    policy = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05)
    worse = decide([MILLION] * 100, [0] * 60 + [MILLION] * 40, policy=policy)
    undecided = decide([0, MILLION] * 10, [MILLION, 0] * 10, policy=policy)
    ends = {report.reason.partition(": ")[2] for report in (worse, undecided)}
    quoted = {re.sub(r"\d+ more", "N more", message.partition(": ")[2]) for message in MESSAGES}
    assert {re.sub(r"\d+ more", "N more", end) for end in ends} <= quoted


def test_each_case_begins_with_its_message() -> None:
    cases = re.findall(r"^### (.*)\n\n(.*)", (REPOSITORY / PAGE).read_text(), flags=re.MULTILINE)
    assert len(cases) > 20
    assert [title for title, first in cases if first != "```text"] == []

"""What a program takes and gives, found where its author says it."""

import textwrap
from pathlib import Path

import pytest

from teleprompt.config.fields import Declaration, DeclaredField, DeclaredOutput
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import DeclaredFields, Field
from teleprompt.program.source import ProgramFile
from tests.support import write_program

HEAD = """
from __future__ import annotations
from datetime import date
from enum import Enum
from typing import Any, Callable, Literal, Optional, TypedDict
import dspy
from pydantic import BaseModel

class Level(Enum):
    GOLD = "gold"

class Order(BaseModel):
    buyer: str
    level: Level

class Ask(dspy.Module):
    def __init__(self):
        super().__init__()
        self.draft = dspy.ChainOfThought("question, context: list[str] -> draft, score: float")
        self.answer = dspy.Predict("draft -> answer")
        self.steps = [dspy.Predict("draft -> answer")]
"""


def declared(tmp_path: Path, code: str, **declaration: object) -> DeclaredFields:
    file = write_program(tmp_path, code=HEAD + textwrap.dedent(code))
    return ProgramFile(file, "shelves:build", Declaration(**declaration)).build().signature.declared  # type: ignore[arg-type]


def in_words(fields: tuple[Field, ...]) -> str:
    return ", ".join(f"{field.name}{'' if field.required else '?'}: {field.type}" for field in fields)


def forward(head: str, *lines: str) -> str:
    body = "\n".join(f"        {line}" for line in lines)
    return f"\nclass P(Ask):\n    {head}\n{body}\n\nbuild = P\n"


@pytest.mark.parametrize(
    ("code", "inputs", "outputs"),
    [
        ('build = lambda: dspy.Predict("question -> answer: float")', "question: str", "answer: float"),
        ('build = lambda: dspy.ChainOfThought("claim -> verdict: bool")', "claim: str", "verdict: bool"),
        ('build = lambda: dspy.Predict("claim -> reasoning")', "claim: str", "reasoning: str"),
        (
            'build = lambda: dspy.ReAct("request -> result: int", tools=[len])',
            "request: str",
            "result: int",
        ),
        (
            'build = lambda: dspy.BestOfN(dspy.Predict("question -> answer"), 2, lambda args, answer: 1.0, 1.0)',
            "question: str",
            "answer: str",
        ),
        (
            'build = lambda: dspy.MultiChainComparison("question -> answer", M=2)',
            "question: str, completions: list[dict[str, Any]]",
            "answer: str",
        ),
        (forward("def forward(self, question):", "return self.answer(draft=question)"), "question: str", "answer: str"),
        (
            forward(
                "def forward(self, text: Order, k: int = 2, **more):", "out = self.answer(draft=text)", "return out"
            ),
            "text: Order, k?: int",
            "answer: str",
        ),
        (
            forward("def forward(self, topic):", "return self.draft(question=topic, context=[])"),
            "topic: str",
            "draft: str, score: float",
        ),
        (
            forward(
                "def forward(self, question):",
                "context = ['a']",
                "out = self.draft(question=question, context=context)",
                "return dspy.Prediction(context=context, grade=out.score, question=question, words=len(out.draft))",
            ),
            "question: str",
            "grade: float, words: Any",
        ),
        (
            forward(
                "def forward(self, question):", "out = self.steps[0](draft=question)", "return {'answer': out.answer}"
            ),
            "question: str",
            "answer: str",
        ),
        (
            forward("def forward(self, question) -> Order:", "return make(question)"),
            "question: str",
            "buyer: str, level: Level",
        ),
        (
            forward("def forward(self, question: Optional[date]) -> str:", "return make(question)"),
            "question: Union[date, NoneType]",
            "output: str",
        ),
        (
            forward("def forward(self, question):", "return self.answer(draft=question).answer"),
            "question: str",
            "output: str",
        ),
        (
            forward("async def aforward(self, question):", "return await self.answer.acall(draft=question)"),
            "question: str",
            "answer: str",
        ),
        (
            forward(
                "def forward(self, question):",
                "if not question:",
                "    return dspy.Prediction(answer='none')",
                "return dspy.Prediction(answer=question, score=0.5)",
            ),
            "question: str",
            "answer: Any, score?: Any",
        ),
        (
            forward("def forward(self, **kwargs):", "return self.draft(**kwargs)"),
            "question: str, context: list[str]",
            "draft: str, score: float",
        ),
        (
            forward("def forward(self, question, tool: Callable = print):", "return self.answer(draft=question)"),
            "question: str",
            "answer: str",
        ),
    ],
    ids=lambda value: value.strip().splitlines()[-3 if "\n" in value.strip() else 0][:60],
)
def test_fields_are_the_programs_own(tmp_path: Path, code: str, inputs: str, outputs: str) -> None:
    found = declared(tmp_path, code)
    assert (in_words(found.inputs), in_words(found.outputs)) == (inputs, outputs)
    assert not found.outputs_open


@pytest.mark.parametrize(
    "line",
    [
        "return dspy.majority(self.answer(draft=question, config={'n': 3}).completions)",
        "out = self.answer(draft=question); out.length = 3; return out",
        "return make(question)",
        "return dspy.Prediction(**self.answer(draft=question))",
        "return self.steps[len(question)](draft=question)",
        "out = self.answer(draft=question); out.update(more=1); return out",
        "out = self.answer(draft=question); setattr(out, 'more', 1); return out",
        "for out, _ in make(question): pass\n        return out",
        "yield self.answer(draft=question)",
    ],
)
def test_what_the_source_does_not_say_plainly_is_left_to_the_calls(tmp_path: Path, line: str) -> None:
    found = declared(tmp_path, forward("def forward(self, question):", line))
    assert found.outputs_open
    assert {field.name: field.type for field in found.others}["score"] == "float"
    assert "context" in found.inner


@pytest.mark.parametrize(
    ("code", "inputs", "outputs"),
    [
        (
            forward(
                "def forward(self, **kwargs):", "found = self.draft(**kwargs)", "return self.answer(draft=found.draft)"
            ),
            "question: str, context: list[str]",
            "answer: str",
        ),
        (
            forward("def forward(self, question) -> Optional[Order]:", "return make(question)"),
            "question: str",
            "buyer: str, level: Level",
        ),
        (
            "class Out(TypedDict, total=False):\n    note: str\n"
            + forward("def forward(self, question) -> Out:", "return make(question)"),
            "question: str",
            "note?: str",
        ),
        (
            forward(
                "def forward(self, question):",
                "answer = self.answer(draft=question).answer",
                "score = len(answer)",
                "return dspy.Prediction(label=answer, score=score)",
            ),
            "question: str",
            "label: str, score: Any",
        ),
    ],
    ids=["kwargs of the first stage", "an optional model", "a partial typed dict", "a computed score"],
)
def test_what_is_near_to_the_plain_forms(tmp_path: Path, code: str, inputs: str, outputs: str) -> None:
    found = declared(tmp_path, code)
    assert (in_words(found.inputs), in_words(found.outputs)) == (inputs, outputs)


def test_a_decorated_forward_may_return_something_else(tmp_path: Path) -> None:
    code = """
    import functools

    def changed(function):
        @functools.wraps(function)
        def inner(self, question):
            return dspy.Prediction(final=function(self, question).answer)
        return inner

    class P(Ask):
        @changed
        def forward(self, question):
            return self.answer(draft=question)

    build = P
    """
    assert declared(tmp_path, code).outputs_open


def test_the_program_file_has_the_first_word(tmp_path: Path) -> None:
    code = forward("def forward(self, question, flag=False):", "return make(question)")
    outputs = {
        "score": DeclaredOutput(type="Literal[1, 2] | None", tolerance=0.5),
        "order": DeclaredOutput(type="list[Order]", ordered=True),
        "draft": DeclaredOutput(),
    }
    found = declared(tmp_path, code, inputs={"question": DeclaredField(type="date")}, outputs=outputs, tolerance=0.1)
    assert in_words(found.inputs) == "question: date"
    assert in_words(found.outputs) == "score?: Union[Literal[1, 2], NoneType], order: list[Order], draft: str"
    assert [(f.tolerance, f.ordered) for f in found.outputs] == [(0.5, False), (0.1, True), (0.1, False)]
    assert (found.outputs_open, found.outputs_stated) == (False, True)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (forward("def forward(self, question, tools: list[dspy.Tool]):", "return 1"), "`tools` is a live object"),
        (forward("def forward(self, question, /):", "return 1"), "without `/` and `\\*`"),
        (forward("def forward(self, *questions):", "return 1"), "without `/` and `\\*`"),
        (forward("def forward(self):", "return 1"), "takes no input"),
        (forward("def __call__(self, question):", "return 1"), "`__call__` of its own"),
        (forward("def forward(self, answer):", "return self.answer(draft=answer)"), "both called `answer`"),
        ('build = lambda: dspy.Predict("question, tools: list[dspy.Tool] -> answer")', "`tools` is a live object"),
    ],
    ids=[
        "a tool",
        "by place only",
        "any number",
        "no input",
        "a call of its own",
        "one name for two",
        "a tool of a predictor",
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_remedy(tmp_path: Path, code: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        declared(tmp_path, code)


def test_a_type_that_nobody_knows_is_named(tmp_path: Path) -> None:
    code = forward("def forward(self, question):", "return make(question)")
    with pytest.raises(ConfigurationError, match=r"'Nowhere' is no type .* correct the type of `answer`"):
        declared(tmp_path, code, outputs={"answer": DeclaredOutput(type="Nowhere")})


def test_frozen_stages_and_the_order_of_predictors_change_nothing(tmp_path: Path) -> None:
    code = """
    class P(dspy.Module):
        def __init__(self):
            super().__init__()
            self.answer = dspy.Predict("question, notes -> answer")
            self.look = dspy.ChainOfThought("question -> notes")
            self.look._compiled = True

        def forward(self, question):
            return self.answer(question=question, notes=self.look(question=question).notes)

    build = P
    """
    found = declared(tmp_path, code)
    assert (in_words(found.inputs), in_words(found.outputs)) == ("question: str", "answer: str")

"""What was found, as text, as a summary for pull requests, and as JUnit's XML, which CI systems show."""

from html import escape

from teleprompt.deltaone.report import GuardrailCheck, Verdict
from teleprompt.encoding.text import visible
from teleprompt.score_files.outcome import Outcome
from teleprompt.score_files.pictures import draw_text

SIGNS = {Verdict.PROMOTE: "✅", Verdict.REJECT: "❌", Verdict.INCONCLUSIVE: "⚪"}


def as_markdown(outcome: Outcome) -> str:
    """A heading, the sentence, the picture in characters, and the figures."""
    lines = [
        f"### {SIGNS[outcome.verdict]} {outcome.verdict}: {outcome.change}",
        "",
        _plain(outcome.reason),
        "",
        "```text",
        *draw_text(outcome),
        "```",
        "",
        "| | |",
        "|---|---|",
        *(f"| {_plain(name)} | {_plain(value)} |" for name, value in outcome.facts),
        *(f"| guardrail {_plain(check.metric)} | {_plain(_found(check))} |" for check in outcome.checks),
    ]
    return "\n".join(lines) + "\n"


def as_text(outcome: Outcome) -> str:
    """The sentence, the picture in characters, the figures and the guardrails."""
    lines = [f"{outcome.verdict}: {outcome.reason}", "", *figures(outcome)]
    lines += [f"guardrail  {_found(check)}" for check in outcome.checks]
    return "\n".join(map(visible, lines))


def figures(outcome: Outcome) -> list[str]:
    """The picture and the facts, a line each."""
    picture = [f"  {line}" for line in draw_text(outcome)]
    return [*picture, "", *(f"{name:10} {value}".rstrip() for name, value in outcome.facts)]


def as_junit(outcome: Outcome) -> str:
    """A suite with a case for the verdict and one for each guardrail; `inconclusive` is a skipped case."""
    verdict = {
        Verdict.PROMOTE: "",
        Verdict.REJECT: _element("failure", outcome.reason),
        Verdict.INCONCLUSIVE: _element("skipped", outcome.reason),
    }[outcome.verdict]
    cases = [_case("verdict", verdict)]
    cases += [_case(f"guardrail {c.metric}", "" if c.holds else _element("failure", c.reason)) for c in outcome.checks]
    failures, skipped = (sum(f"<{kind}" in case for case in cases) for kind in ("failure", "skipped"))
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f'<testsuite name="teleprompt gate" {counts}>',
            *cases,
            "</testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _found(check: GuardrailCheck) -> str:
    return f"{'holds' if check.holds else 'BROKEN'}: {check.reason}"


def _case(name: str, inside: str) -> str:
    return f'<testcase classname="teleprompt.gate" name="{_attribute(name)}">{inside}</testcase>'


def _element(name: str, message: str) -> str:
    return f'<{name} message="{_attribute(message)}"/>'


def _attribute(text: str) -> str:
    return escape(visible(text))


def _plain(text: str) -> str:
    """Text that somebody else may have written, with nothing that Markdown or HTML would read."""
    text = escape(visible(text), quote=False)
    for mark in "\\`*_[]|#~@":
        text = text.replace(mark, f"\\{mark}")
    return text

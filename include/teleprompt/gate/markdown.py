"""A comparison for people who decide on it."""

from teleprompt.gate.comparison import Comparison

_TEMPLATE = """\
**{{ report.verdict }}**: {{ report.reason }}

| | |
|---|---|
| {{ comparison.metric }} | {{ points(report.baseline_e6) }} -> {{ points(report.optimized_e6) }} points |
| evidence | {{ report.evidence or "none" }}, asked for: {{ report.policy.claim }} |
| interval | {{ points(report.ci_low_e6) }} to {{ points(report.ci_high_e6) }} points \
at {{ "%.2f" | format(100 * (1 - report.policy.alpha)) }} % |
| p | {{ report.p_value_e6 / 1e6 }} ({{ report.test }}) |
| examples | {{ report.n }}, better {{ report.wins }}, worse {{ report.losses }}, alike {{ report.ties }} |
| sealed | look {{ comparison.look.number }} of the year, {{ comparison.look.seen_before }} seen before, \
{{ comparison.look.retired }} retired |
{%- if report.trial %}
| trial | {{ report.trial.windows }} of at most {{ report.trial.policy.horizon }} windows, evidence \
{{ "%.2f" | format(report.trial.log_e) }} of {{ "%.2f" | format(report.trial.boundary) }}, error of all its looks \
{{ "%.2f" | format(100 * report.trial.policy.level) }} % |
{%- endif %}
{%- if comparison.off_policy %}
| overlap | {{ comparison.off_policy.overlap }} |
{%- endif %}
{%- for key, effect in comparison.design_effects.items() %}
| dependence by {{ key }} | {{ "%.1f" | format(effect) }} examples tell as much as one that shares nothing |
{%- endfor %}
{%- for check in report.guardrails %}
| guardrail {{ "holds" if check.holds else "broken" }} | {{ check.reason }} |
{%- endfor %}
{%- if comparison.judge %}
| judge | agrees with {{ comparison.judge.n }} outcomes by a rank correlation of {{ comparison.judge.in_words }} |
{%- endif %}
"""


def comparison_in_markdown(comparison: Comparison) -> str:
    """The verdict and what it rests on; no text of any example."""
    from jinja2 import Template

    text: str = Template(_TEMPLATE).render(
        comparison=comparison, report=comparison.report, points=lambda value_e6: f"{value_e6 / 1e4:.2f}"
    )
    return text

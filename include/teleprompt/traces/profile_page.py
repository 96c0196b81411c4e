"""A profile as one HTML page without outside requests; it names traces and people but quotes no text."""

import io
from collections.abc import Sequence
from typing import Any

from teleprompt.traces.profile import BINS, Profile

PROFILE_ARTIFACT = "snapshot_profile.html"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ profile.program }}: traces</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }
 table { border-collapse: collapse; margin: .5rem 0 } td, th { padding: .15rem .8rem .15rem 0; text-align: left }
 td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } figure { margin: 0; background: #fff }
</style></head><body>
<h1>{{ profile.program }}</h1>
<p>{{ profile.window }}: {{ profile.usable }} usable traces, {{ profile.good }} with a good outcome
{%- if profile.imputed %}, {{ profile.imputed }} with an imputed score{% endif %}.</p>
<h2>From logged to used</h2>
<table><tr><th>step</th><th class="n">in</th><th class="n">out</th><th>why not</th></tr>
{%- for step in profile.funnel %}
<tr><td>{{ step.step }}</td><td class="n">{{ step.rows_in }}</td><td class="n">{{ step.rows_out }}</td>
<td>{% for why, n in step.reasons.items() %}{{ why }} {{ n }}{{ ", " if not loop.last }}{% endfor %}</td></tr>
{%- endfor %}</table>
<table><tr>{% for part in profile.parts %}<th class="n">{{ part.value }}</th>{% endfor %}</tr>
<tr>{% for n in profile.parts.values() %}<td class="n">{{ n }}</td>{% endfor %}</tr></table>
<p>In more than one part: {{ profile.leakage.exact }} inputs
{%- if profile.leakage.groups is not none %}, {{ profile.leakage.groups }} groups,
{{ profile.leakage.contributors }} contributors{% endif %}
{%- if profile.leakage.near is not none %}, {{ profile.leakage.near }} pairs of near duplicates{% endif %}.</p>
<h2>Scores</h2><figure>{{ scores }}</figure>
<h2>Days</h2><figure>{{ days }}</figure>
<h2>Contributors</h2><figure>{{ contributors }}</figure>
<h2>Quarantined</h2>
{% if profile.quarantined %}<table><tr><th>reason</th><th class="n">traces</th><th>for instance</th></tr>
{%- for reason, n in profile.quarantined.items() %}
<tr><td>{{ reason }}</td><td class="n">{{ n }}</td>
<td>{% for e in profile.examples[reason] %}<code>{{ e.trace_id }}</code> {% endfor %}</td></tr>
{%- endfor %}</table>{% else %}<p>None.</p>{% endif %}
</body></html>
"""

MOST_PEOPLE = 25


def profile_page(profile: Profile) -> str:
    """The page."""
    import jinja2
    from markupsafe import Markup

    people = list(profile.contributors.items())[:MOST_PEOPLE]
    charts = {
        "scores": _bars([f"{i / BINS:.2f}" for i in range(BINS)], profile.scores, "score from", "traces"),
        "days": _bars(list(profile.days), list(profile.days.values()), "UTC day", "traces"),
        "contributors": _bars([name for name, _ in people], [count for _, count in people], "", "traces"),
    }
    environment = jinja2.Environment(autoescape=True)
    # The drawings are our own; matplotlib escapes what it writes into them.
    drawn = {name: Markup(chart) for name, chart in charts.items()}  # noqa: S704
    return environment.from_string(PAGE).render(profile=profile, **drawn)


def _bars(labels: Sequence[str], values: Sequence[int], x: str, y: str) -> str:
    """A bar chart as SVG, the same bytes for the same numbers."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {"svg.hashsalt": "teleprompt", "text.usetex": False, "text.parse_math": False}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(9, 2.4), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(range(len(values)), values, color="#3b6fb6")
        step = max(1, len(labels) // 20)
        axes.set_xticks(range(0, len(labels), step), [label[:24] for label in labels[::step]], rotation=60, fontsize=7)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.spines[["top", "right"]].set_visible(False)
        sink = io.StringIO()
        figure.savefig(sink, format="svg", metadata={"Date": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]

"""A profile as one HTML page without outside requests; it names traces and people but quotes no text."""

from teleprompt.traces._bar_chart import bar_chart
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
        "scores": bar_chart([f"{i / BINS:.2f}" for i in range(BINS)], profile.scores, x="score from", y="traces"),
        "days": bar_chart(list(profile.days), list(profile.days.values()), x="UTC day", y="traces"),
        "contributors": bar_chart([name for name, _ in people], [count for _, count in people], x="", y="traces"),
    }
    environment = jinja2.Environment(autoescape=True)
    # The drawings are our own, and they escape what they name.
    drawn = {name: Markup(chart) for name, chart in charts.items()}  # noqa: S704
    return environment.from_string(PAGE).render(profile=profile, **drawn)

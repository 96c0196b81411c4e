"""A report as one HTML page without outside requests: to read, to mail, to print."""

from typing import Any

from teleprompt.report._forest import Bar, forest_plot
from teleprompt.report.records import Report
from teleprompt.report.words import days, dollars, headline, lines

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Programs, {{ days }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }
 h1 { font-size: 1.3rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem }
 p.headline { font-size: 1.1rem } ul { margin: .2rem 0; padding-left: 1.2rem }
 svg { width: 100%; height: auto } td, th { padding: .15rem 1rem .15rem 0; text-align: left }
 td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } table { border-collapse: collapse }
 tfoot td { border-top: 1px solid } small { opacity: .8 }
</style></head><body>
{{ content }}
</body></html>
"""

CONTENT = """<h1>Programs, {{ days }}</h1>
<p class="headline">{{ headline }}</p>
{{ plot }}
{%- for program in report.programs %}
<h2>{{ program.program }}{% if program.champion %} <small>version {{ program.champion }} runs</small>{% endif %}</h2>
<ul>{% for line in lines(program) %}<li>{{ line }}</li>{% endfor %}</ul>
{%- endfor %}
{%- for name, problem in report.unreadable.items() %}
<h2>{{ name }}</h2><p>Left out: {{ problem }}</p>
{%- endfor %}
<h2>What it took</h2>
<table><thead><tr><th>program</th><th class="n">traces</th><th class="n">unusable</th><th class="n">requests</th>
<th class="n">cost</th></tr></thead>
<tbody>{% for program in report.programs %}
<tr><td>{{ program.program }}</td><td class="n">{{ "{:,}".format(program.traces) }}</td>
<td class="n">{{ "{:,}".format(program.quarantined) }}</td><td class="n">{{ "{:,}".format(program.lm_calls) }}</td>
<td class="n">{{ dollars(program.cost_usd) }}</td></tr>{% endfor %}</tbody>
<tfoot><tr><td>all</td><td></td><td></td><td class="n">{{ "{:,}".format(report.lm_calls) }}</td>
<td class="n">{{ dollars(report.cost_usd) }}</td></tr></tfoot></table>
<p><small>Intervals hold with the level of each gate. Costs are those of the language models, as far as prices are
known; a trace that two windows read counts twice.</small></p>"""


def report_page(report: Report) -> str:
    """The whole page."""
    from markupsafe import Markup

    return _rendered(PAGE, days=days(report), content=Markup(report_content(report)))  # noqa: S704 - rendered below


def report_content(report: Report) -> str:
    """What stands in it, without styles, for a page that has its own."""
    from markupsafe import Markup

    bars = [
        Bar(name=one.program, low_e6=better.ci_low_e6, change_e6=better.delta_e6, high_e6=better.ci_high_e6)
        for one in report.programs
        for better in one.improvements
    ]
    return _rendered(
        CONTENT,
        report=report,
        days=days(report),
        headline=headline(report),
        lines=lines,
        dollars=dollars,
        plot=Markup(forest_plot(bars)),  # noqa: S704 - our own drawing, which escapes what it names
    )


def _rendered(template: str, **values: Any) -> str:
    import jinja2

    return jinja2.Environment(autoescape=True).from_string(template).render(**values)

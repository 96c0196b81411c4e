"""`teleprompt gate`: the gate alone, over two files of scores that anything may have written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from teleprompt.cli import gate_planning
from teleprompt.cli.gate_trial import refuse_options_without_use
from teleprompt.cli.output import JsonOption, print_json, print_table, say, write_file
from teleprompt.cli.score_options import (
    Alpha,
    ClaimOption,
    GroupColumn,
    Guardrails,
    IdColumn,
    LowerIsBetter,
    Scale,
    ScoreColumn,
    Threshold,
    asked_of,
    columns_of,
    guardrails_of,
    verdict_whoever_listens,
)
from teleprompt.deltaone.report import GateReport, Verdict
from teleprompt.score_files.outcome import Outcome, of_comparison, of_trial
from teleprompt.score_files.pictures import draw_svg
from teleprompt.score_files.trial_look import look
from teleprompt.score_files.verdict import judge
from teleprompt.score_files.written import as_junit, as_markdown, figures
from teleprompt.sdk.score_sources import pair_sources

if TYPE_CHECKING:
    from teleprompt.deltaone.trial_report import TrialReport

EXIT = {Verdict.PROMOTE: 0, Verdict.REJECT: 1, Verdict.INCONCLUSIVE: 3}
COLOURS = {Verdict.PROMOTE: "green", Verdict.REJECT: "red", Verdict.INCONCLUSIVE: "yellow"}


class _CompareByDefault(TyperGroup):
    """`gate A B` is `gate compare A B`: what is no command is the first of two files."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["compare", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_CompareByDefault,
    help="Is the candidate better? Two files of scores in, a verdict out.\n\n"
    "`teleprompt gate BASELINE CANDIDATE` is short for `teleprompt gate compare BASELINE CANDIDATE`, whose options "
    "`teleprompt gate compare --help` lists.",
    no_args_is_help=True,
)


@app.command()
def compare(
    baseline: Annotated[
        Path,
        typer.Argument(
            help="Scores of the program that runs: .csv, .tsv, .jsonl, .json, .parquet, runs:/ID of MLflow, or the log "
            "of Inspect, lm_eval, promptfoo (FILE#PROMPT) or OpenAI's evals."
        ),
    ],
    candidate: Annotated[Path, typer.Argument(help="Scores of the program that might replace it.")],
    id_: IdColumn = None,
    score: ScoreColumn = None,
    group: GroupColumn = None,
    scale: Scale = 1.0,
    threshold: Threshold = None,
    claim: ClaimOption = None,
    alpha: Alpha = None,
    lower_is_better: LowerIsBetter = None,
    guardrail: Guardrails = None,
    trial: Annotated[
        Path | None,
        typer.Option(help="Add to the trial that this file keeps, or begin one: a look at all windows so far."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="With --trial, what these scores are of: 2026-01-05/2026-01-12, or any name.")
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(help="With --trial, the windows after which it ends undecided.", min=1, show_default="52"),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit's XML.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a picture of the change, an SVG.")] = None,
    json_: JsonOption = False,
) -> None:
    """Compare two programs by their scores on the same examples.

    The files have a column `id`, a column `score` from 0 (worst) to 1 (best), and may have a column `group` that says
    which examples belong together. Exit status: 0 promote, 1 reject, 3 inconclusive, 2 wrong input.
    """
    guardrails = guardrails_of(guardrail or ())
    columns = columns_of(id_, score, group, guardrails)
    asked = asked_of(threshold=threshold, claim=claim, alpha=alpha, lower_is_better=lower_is_better, horizon=horizon)
    refuse_options_without_use(trial=trial, window=window, horizon=horizon, guardrails=guardrails)
    pairs = pair_sources(baseline, candidate, columns, scale=scale)
    document: dict[str, object] = {"baseline": str(baseline), "candidate": str(candidate)}
    note = None
    report: GateReport | TrialReport
    if trial is not None and window is not None:
        report, note = look(trial, pairs, asked, window=window)
        outcome = of_trial(report)
        document |= {"window": window, "note": note}
    else:
        report = judge(pairs, asked.policy, guardrails)
        outcome = of_comparison(report, baseline=str(baseline), candidate=str(candidate))
    _write(outcome, markdown=markdown, junit=junit, picture=picture)
    with verdict_whoever_listens():
        if json_:
            said = {"schema_version": 1, "verdict": outcome.verdict, "reason": outcome.reason}
            print_json({**said, **document, "report": report.model_dump(mode="json")})
        else:
            _show(outcome, note)
    raise typer.Exit(EXIT[outcome.verdict])


def _write(outcome: Outcome, *, markdown: Path | None, junit: Path | None, picture: Path | None) -> None:
    for file, text in ((markdown, as_markdown), (junit, as_junit), (picture, draw_svg)):
        if file is not None:
            write_file(file, text(outcome))


def _show(outcome: Outcome, note: str | None) -> None:
    say(f"{outcome.verdict}: {outcome.reason}", colour=COLOURS[outcome.verdict])
    if note is not None:
        say(note)
    for line in ("", *figures(outcome)):
        say(line)
    if outcome.checks:
        say("")
        print_table(
            ("guardrail", "holds", "found"),
            [(check.metric, "yes" if check.holds else "NO", check.reason) for check in outcome.checks],
            empty="",
        )


app.command("power")(gate_planning.power)
app.command("aa")(gate_planning.aa)

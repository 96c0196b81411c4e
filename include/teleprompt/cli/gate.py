"""`teleprompt gate`: the gate alone, over two files of scores that anything may have written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from teleprompt.cli.output import JsonOption, print_json, print_table, say, write_file
from teleprompt.cli.score_options import (
    Alpha,
    GroupColumn,
    Guardrails,
    IdColumn,
    LowerIsBetter,
    Scale,
    ScoreColumn,
    Threshold,
    checked_alpha,
    columns_of,
    guardrails_of,
    share_of,
)
from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.score_files.outcome import Outcome, of_comparison
from teleprompt.score_files.pairing import pair
from teleprompt.score_files.pictures import draw_svg, draw_text
from teleprompt.score_files.scores import read_scores
from teleprompt.score_files.verdict import judge
from teleprompt.score_files.written import as_junit, as_markdown

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
    baseline: Annotated[Path, typer.Argument(help="Scores of the program that runs: .csv, .tsv, .jsonl, .parquet.")],
    candidate: Annotated[Path, typer.Argument(help="Scores of the program that might replace it.")],
    id_: IdColumn = "id",
    score: ScoreColumn = "score",
    group: GroupColumn = None,
    scale: Scale = 1.0,
    threshold: Threshold = "0.01",
    claim: Annotated[Claim, typer.Option(help="What has to be shown: a gain, or that it is the threshold.")] = (
        Claim.SIGNIFICANT
    ),
    alpha: Alpha = 0.05,
    lower_is_better: LowerIsBetter = False,
    guardrail: Guardrails = None,
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
    policy = GatePolicy(
        threshold_e6=share_of("--threshold", threshold),
        claim=claim,
        alpha=checked_alpha(alpha),
        direction=Direction.LOWER if lower_is_better else Direction.HIGHER,
    )
    pairs = pair(*(read_scores(file, columns, scale=scale) for file in (baseline, candidate)))
    report = judge(pairs, policy, guardrails)
    outcome = of_comparison(report, baseline=str(baseline), candidate=str(candidate))
    _write(outcome, markdown=markdown, junit=junit, picture=picture)
    if json_:
        files = {"baseline": str(baseline), "candidate": str(candidate)}
        print_json(_as_json(outcome, files, report.model_dump(mode="json")))
    else:
        _show(outcome)
    raise typer.Exit(EXIT[outcome.verdict])


def _write(outcome: Outcome, *, markdown: Path | None, junit: Path | None, picture: Path | None) -> None:
    for file, text in ((markdown, as_markdown), (junit, as_junit), (picture, draw_svg)):
        if file is not None:
            write_file(file, text(outcome))


def _as_json(outcome: Outcome, files: dict[str, str], report: dict[str, object]) -> dict[str, object]:
    return {"schema_version": 1, "verdict": outcome.verdict, "reason": outcome.reason, **files, "report": report}


def _show(outcome: Outcome) -> None:
    say(f"{outcome.verdict}: {outcome.reason}", colour=COLOURS[outcome.verdict])
    say("")
    _show_lines(draw_text(outcome))
    for name, value in outcome.facts:
        say(f"{name:10} {value}")
    if outcome.checks:
        say("")
        print_table(
            ("guardrail", "holds", "found"),
            [(check.metric, "yes" if check.holds else "NO", check.reason) for check in outcome.checks],
            empty="",
        )


def _show_lines(lines: Sequence[str]) -> None:
    for line in lines:
        say(f"  {line}")
    say("")

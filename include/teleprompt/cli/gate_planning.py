"""`teleprompt gate power` and `teleprompt gate aa`: what a comparison could see, and how often it would err."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say
from teleprompt.cli.score_options import (
    Alpha,
    ClaimOption,
    GroupColumn,
    IdColumn,
    Scale,
    ScoreColumn,
    Threshold,
    asked_of,
    checked_alpha,
    columns_of,
    share_of,
)
from teleprompt.deltaone.paired import sd_of_discordance
from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION
from teleprompt.score_files.asked import ALPHA
from teleprompt.score_files.calibration import calibrate, resampled, split
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.outcome import in_points, of_comparison
from teleprompt.score_files.pairing import Pairs
from teleprompt.score_files.planning import Spread, needs, smallest_gain, spread_of
from teleprompt.score_files.verdict import fewest_units, judge, refuse_too_few, told_what_to_install
from teleprompt.sdk.score_sources import pair_sources, read_source

USUAL_GAINS_E6 = (10_000, 20_000, 50_000, 100_000)
ASSUMED_DIFFERING = "20%"
FEWEST_ROUNDS = 100


def power(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Scores of two programs like those that are to be compared.")
    ] = None,
    gain: Annotated[
        list[str] | None,
        typer.Option(help="A true gain to see: 0.05 or 5%; several times for several.", show_default="1%, 2%, 5%, 10%"),
    ] = None,
    differing: Annotated[
        str | None,
        typer.Option(help="Without files, the share of 0/1 scores that differ.", show_default=ASSUMED_DIFFERING),
    ] = None,
    sd: Annotated[
        float | None, typer.Option(help="Without files, the standard deviation of the differences, in [0, 1].")
    ] = None,
    alpha: Alpha = None,
    id_: IdColumn = None,
    score: ScoreColumn = None,
    group: GroupColumn = None,
    scale: Scale = 1.0,
    json_: JsonOption = False,
) -> None:
    """Say how many examples show a gain in four of five comparisons (80 % power).

    By how much the scores of two files vary against each other; without files, by an assumption.
    """
    error = checked_alpha(ALPHA if alpha is None else alpha)
    gains_e6 = tuple(share_of("--gain", text) for text in gain) if gain else USUAL_GAINS_E6
    pairs = None
    if files:
        if differing is not None or sd is not None:
            raise ConfigurationError("--differing and --sd are for lack of files; leave them out, or the files.")
        pairs = _pair(files, columns_of(id_, score, group), scale)
        spread, basis = spread_of(pairs), " and ".join(map(str, files))
    else:
        spread, basis = _assumed(differing, sd)
    found = needs(gains_e6, spread, alpha=error)
    seen = None if pairs is None else smallest_gain(spread, n=len(pairs.ids), alpha=error)
    if json_:
        document = {"schema_version": 1, "alpha": error, "sd": spread.sd, "per_group": spread.per_group, "basis": basis}
        print_json({**document, "smallest_gain": seen, "needs": [asdict(need) for need in found]})
        return
    say(f"Standard deviation of the differences {spread.sd:.3f}, by {basis}; alpha {error:g}, 80 % power.")
    if pairs is not None and seen is not None:
        say(f"The {len(pairs.ids)} examples could see a gain of {100 * seen:.2g} points.")
    print_table(
        ("true gain", "examples") if spread.per_group == 1 else ("true gain", "examples", "of groups"),
        [
            (in_points(need.gain_e6), f"{need.examples:,}", *([f"{need.groups:,}"] if spread.per_group != 1 else []))
            for need in found
        ],
        empty="",
    )


def _pair(files: list[Path], columns: Columns, scale: float) -> Pairs:
    if len(files) != 2:
        given = "1 is" if len(files) == 1 else f"{len(files)} are"
        raise ConfigurationError(f"Two files of scores are needed, and {given} given; name the scores of two programs.")
    baseline, candidate = files
    return pair_sources(baseline, candidate, columns, scale=scale)


def _assumed(differing: str | None, sd: float | None) -> tuple[Spread, str]:
    if sd is None:
        share = differing or ASSUMED_DIFFERING
        return Spread(sd_of_discordance(share_of("--differing", share) / MILLION)), f"{share} of the answers differing"
    if differing is not None:
        raise ConfigurationError("--differing and --sd say the same; give one of them.")
    if not 0 < sd <= 1:
        raise ConfigurationError(f"--sd {sd:g} is not between 0 and 1; differences of scores lie between -1 and 1.")
    return Spread(sd), "assumption"


def aa(
    files: Annotated[
        list[Path], typer.Argument(help="Scores of two runs of the same program; or of one, which is halved at random.")
    ],
    threshold: Threshold = None,
    claim: ClaimOption = None,
    alpha: Alpha = None,
    rounds: Annotated[int, typer.Option(min=FEWEST_ROUNDS, help="Comparisons to draw.")] = 500,
    id_: IdColumn = None,
    score: ScoreColumn = None,
    group: GroupColumn = None,
    scale: Scale = 1.0,
    json_: JsonOption = False,
) -> None:
    """Check the gate on scores of your own between which there is no gain (an A/A test).

    Draws many comparisons from the scores, with chance deciding which run is the candidate, and counts how often one is
    promoted. Exit status 1 if that is more often than alpha allows, beyond what the number of rounds explains, or if
    the two runs themselves differ.
    """
    policy = asked_of(threshold=threshold, claim=claim, alpha=alpha, lower_is_better=None).policy
    columns = columns_of(id_, score, group)
    themselves = None
    with told_what_to_install():
        if len(files) == 1:
            draw = split(read_source(files[0], columns, scale=scale), fewest=fewest_units(policy.alpha))
        else:
            pairs = _pair(files, columns, scale)
            refuse_too_few(pairs, alpha=policy.alpha)
            themselves = judge(pairs, policy)
            draw = resampled(pairs)
        found = calibrate(draw, policy, rounds=rounds)
    alike = themselves is None or themselves.ci_low_e6 <= 0 <= themselves.ci_high_e6
    low, high = found.interval
    if json_:
        document = {"schema_version": 1, **asdict(found), "share": found.share, "interval": [low, high]}
        runs = None if themselves is None else themselves.model_dump(mode="json")
        print_json({**document, "holds": found.holds, "alike": alike, "runs": runs})
    else:
        say(
            f"{found.promoted} of {found.rounds} comparisons of {found.n} examples without a gain were promoted: "
            f"{found.share:.1%} [{low:.1%}, {high:.1%}], {found.allowed:.1%} is allowed."
        )
        say("No sign that the gate errs too often." if found.holds else "THE GATE ERRS TOO OFTEN on such scores.")
        if themselves is not None:
            change = of_comparison(themselves, baseline="", candidate="").change
            what = "no sign of a difference." if alike else "THEY DIFFER, so they are not runs of one program."
            say(f"The runs themselves: {change}, {what}")
    if not (found.holds and alike):
        raise typer.Exit(1)

"""The verdict on the programs of two score files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from teleprompt.config.gate import Guardrail
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.guardrails import check_values
from teleprompt.deltaone.paired import sign_p_value
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.pairing import Pairs


def judge(pairs: Pairs, policy: GatePolicy, guardrails: Sequence[Guardrail] = ()) -> GateReport:
    """The verdict of `decide` under guardrails, each on the further metric of its name.

    Scores that are alike on every example decide nothing, however many they are: such files are mostly of one program.

    Raises:
        ConfigurationError: there are fewer independent examples than could show any gain, or a library is missing.
    """
    refuse_too_few(pairs, alpha=policy.alpha)
    before, after = pairs.baseline_metrics_e6, pairs.candidate_metrics_e6
    checks = [check_values(guardrail, before[guardrail.metric], after[guardrail.metric]) for guardrail in guardrails]
    with told_what_to_install():
        report = decide(pairs.baseline_e6, pairs.candidate_e6, groups=pairs.groups, policy=policy)
    if report.ties == report.n:
        report = report.model_copy(update={"verdict": Verdict.INCONCLUSIVE})
    return report.guarded_by(tuple(checks))


def refuse_too_few(pairs: Pairs, *, alpha: float) -> None:
    """A few examples show nothing, and whoever compares them should hear that instead of a verdict.

    Raises:
        ConfigurationError: there are fewer independent examples than could show any gain.
    """
    least = fewest_units(alpha)
    if pairs.units >= least:
        return
    what = ("example", "examples") if pairs.groups is None else ("group", "groups")
    there = f"is only 1 {what[0]}" if pairs.units == 1 else f"are only {pairs.units} {what[1]}"
    raise ConfigurationError(
        f"There {there}, and fewer than {least} show nothing with --alpha {alpha:g}, even if each of them got better; "
        "`teleprompt gate power` says how many are needed."
    )


def fewest_units(alpha: float) -> int:
    """Of which the two-sided sign test can be as small as `alpha`."""
    units = 1
    while sign_p_value(units) > alpha:
        units += 1
    return units


@contextmanager
def told_what_to_install() -> Iterator[None]:
    """Where the gate alone is installed, 0/1 scores need nothing more, and other scores do.

    Raises:
        ConfigurationError: a library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = "trial" if error.name == "scipy" else "graded"
        raise ConfigurationError(
            f"To compare these scores {error.name} is needed; pip install 'teleprompt-gate[{extra}]'."
        ) from error

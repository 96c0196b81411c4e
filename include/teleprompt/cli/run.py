"""`teleprompt run`: the whole pipeline without a scheduler."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, LogFormatter, dollars, interval, points, print_json, say
from teleprompt.cli.windows import parse_window
from teleprompt.errors import ConfigurationError

Moment = Annotated[str, typer.Option(help="ISO 8601; without a zone it means UTC.")]


def run(
    program: str,
    start: Moment,
    end: Moment,
    approve: Annotated[
        bool, typer.Option("--approve", help="Promote though the program's file asks for a person: you are that one.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Collect, compile, compare, and on DeltaOne register and attest, for the traces of [start, end)."""
    import logging

    from rich.console import Console
    from rich.logging import RichHandler

    from teleprompt.cli.stage_bar import stage_bar
    from teleprompt.config.files import find_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.pipeline.whole_run import run_all_stages
    from teleprompt.queries.history import find_summary
    from teleprompt.tracking.connection import mlflow_client

    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, show_level=False)
    handler.setFormatter(LogFormatter())
    logging.getLogger("teleprompt").addHandler(handler)
    logging.getLogger("teleprompt").setLevel(logging.INFO)
    window = parse_window(start, end)
    if window.end > datetime.now(UTC):
        raise ConfigurationError(
            f"--end {end} is in the future, and calls would still arrive; a window is collected once, so wait for it."
        )
    settings = Settings()
    pipeline = Pipeline.of_file(find_program_file(settings.programs_dir, program), settings=settings, window=window)
    if approve:
        pipeline.actor = system_user()
    if approve and pipeline.config.approval is not None and not pipeline.config.approval.may_answer(pipeline.actor):
        raise ConfigurationError(
            f"{pipeline.actor} may not approve versions of {pipeline.config.name}; its `approval.approvers` are "
            f"{', '.join(pipeline.config.approval.approvers)}, so one of them has to."
        )
    with stage_bar(pipeline, console) as on_stage:
        outcome = run_all_stages(pipeline, on_stage=on_stage, approve=lambda _comparison: approve)
    if json_:
        print_json(outcome.model_dump(mode="json"))
        return
    if outcome.comparison is None:
        say("The DeltaOne check is switched off: a candidate was compiled, nothing was promoted.")
        return
    with mlflow_client(settings.tracking_uri) as client:
        summary = find_summary(client, program=pipeline.config.name, key=pipeline.key.digest)
    report = outcome.comparison.report
    if outcome.comparison.labels is not None:
        say(f"compared     {outcome.comparison.labels.in_words}")
    if outcome.comparison.off_policy is not None:
        say(f"overlap      {outcome.comparison.off_policy.overlap}")
    say(f"verdict      {report.verdict}")
    say(f"change       {points(report.delta_e6)} points {interval(report.ci_low_e6, report.ci_high_e6)}")
    say(f"why          {report.reason}")
    if summary is not None and summary.spend:
        stages = ", ".join(f"{stage} {spend.calls}" for stage, spend in summary.spend.items())
        say(f"cost         {dollars(summary.cost_usd)}, {summary.lm_calls} requests ({stages})")
    if judge := outcome.comparison.judge:
        say(f"judge        agrees with {judge.n} outcomes by a rank correlation of {judge.in_words}")
    if report.verdict == "promote" and outcome.version is None:
        say("approval     is asked for by the program's file: run it again with --approve, or in Airflow")
    if outcome.version is not None:
        standing = outcome.version.alias or "no alias; `teleprompt versions log` says why"
        say(f"version      {outcome.version.number} ({outcome.version.version_id}), {standing}")
    if outcome.attestation is not None:
        unsigned = "" if settings.signers else ", not signed: no signer is configured"
        say(f"attestation  {outcome.attestation.blob.uri}{unsigned}")
        say(f"verify       teleprompt attest verify {outcome.attestation.blob.uri}")
    if outcome.receipt is not None:
        say(f"chain        {outcome.receipt.state.value}: {outcome.receipt.note}")

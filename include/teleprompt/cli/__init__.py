"""The `teleprompt` command.

Exit status: 0 success, 1 a negative answer (an invalid attestation, a failed run), 2 wrong usage or configuration,
3 an inconclusive verdict.
"""

import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Never

import typer

from teleprompt.cli.on_demand import CommandsOnDemand
from teleprompt.cli.output import LogFormatter, say
from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.environment import configure_third_party
from teleprompt.errors import TelepromptError


class _Commands(CommandsOnDemand):
    places: ClassVar[Mapping[str, str]] = {
        "init": "teleprompt.cli.init:init",
        "programs": "teleprompt.cli.programs:app",
        "run": "teleprompt.cli.run:run",
        "backfill": "teleprompt.cli.backfill:backfill",
        "status": "teleprompt.cli.status:status",
        "report": "teleprompt.cli.report:report",
        "traces": "teleprompt.cli.traces:app",
        "attest": "teleprompt.cli.attest_chain:app",  # with those of `attest`, to which it adds
        "rewards": "teleprompt.cli.rewards:rewards",
        "versions": "teleprompt.cli.versions:app",
        "signer": "teleprompt.cli.signer:app",
        "trial": "teleprompt.cli.trial:app",
        "deltaone": "teleprompt.cli.deltaone:app",
        "gate": "teleprompt.cli.gate:app",
        "alerts": "teleprompt.cli.alerts:app",
        "audit": "teleprompt.cli.audit:app",
        "maintenance": "teleprompt.cli.maintenance:app",
        "backup": "teleprompt.cli.backup:backup",
        "restore": "teleprompt.cli.backup:restore",
        "doctor": "teleprompt.cli.doctor:doctor",
    }


app = typer.Typer(
    name="teleprompt",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def teleprompt() -> None:
    """Improve DSPy programs from their MLflow traces, and prove it."""


def main() -> None:
    """Run the command; errors are one line on standard error."""
    import warnings

    configure_third_party()
    warnings.simplefilter("ignore")  # a user of the command can do nothing about a library's deprecations
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(LogFormatter())
    _warn_of_unknown_variables()
    try:
        sys.exit(app(standalone_mode=False))
    except TelepromptError as error:
        _fail(error, status=error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "format_message"):
            _fail_usage(error)
        if os.environ.get("TELEPROMPT_DEBUG"):
            raise
        text = str(error).strip().splitlines()
        _fail(
            f"Unexpected {type(error).__name__}: {text[0] if text else ''} (set TELEPROMPT_DEBUG=1 to see where).",
            status=1,
        )


def _warn_of_unknown_variables() -> None:
    """A misspelt setting has no effect, and nobody would notice."""
    if not any(name.startswith("TELEPROMPT_") for name in os.environ):
        return
    try:
        variables = import_module("teleprompt.config.variables")
    except ModuleNotFoundError:  # the gate alone has no settings
        return
    for told in variables.unknown_variables():
        say(f"Warning: {told}", err=True)


def _fail(error: object, *, status: int) -> Never:
    say(f"Error: {hide_credentials(str(error))}", err=True)
    sys.exit(status)


def _fail_usage(error: Any) -> Never:
    """End with what typer says of wrong arguments; it gives no name to the class of these errors."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed
        sys.exit(error.exit_code)
    command = error.ctx.command_path if error.ctx else "teleprompt"
    _fail(f"{error.format_message().rstrip('.')}; see `{command} --help`.", status=error.exit_code)

"""The `teleprompt` command.

Exit status: 0 success, 1 a negative answer (an invalid attestation, a failed run), 2 wrong usage or configuration,
3 an inconclusive verdict.
"""

import logging
import os
import sys
from typing import Any, Never

import typer

from teleprompt.cli import (
    alerts,
    attest,
    attest_chain,
    audit,
    backup,
    deltaone,
    doctor,
    gate,
    init,
    maintenance,
    programs,
    rewards,
    run,
    signer,
    status,
    traces,
    versions,
)
from teleprompt.cli.output import LogFormatter, say
from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.environment import quiet_libraries
from teleprompt.errors import TelepromptError

app = typer.Typer(
    name="teleprompt",
    help="Improve DSPy programs from their MLflow traces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(init.init)
app.add_typer(programs.app, name="programs")
app.command("run")(run.run)
app.command("status")(status.status)
app.add_typer(traces.app, name="traces")
attest.app.add_typer(attest_chain.app)
app.add_typer(attest.app, name="attest")
app.command("rewards")(rewards.rewards)
app.add_typer(versions.app, name="versions")
app.add_typer(signer.app, name="signer")
app.add_typer(deltaone.app, name="deltaone")
app.add_typer(gate.app, name="gate")
app.add_typer(alerts.app, name="alerts")
app.add_typer(audit.app, name="audit")
app.add_typer(maintenance.app, name="maintenance")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command; errors are one line on standard error."""
    import warnings

    quiet_libraries()
    warnings.simplefilter("ignore")  # a user of the command can do nothing about a library's deprecations
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(LogFormatter())
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


def _fail(error: object, *, status: int) -> Never:
    say(f"Error: {hide_credentials(str(error))}", err=True)
    sys.exit(status)


def _fail_usage(error: Any) -> Never:
    """End with what typer says of wrong arguments; it gives no name to the class of these errors."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed
        sys.exit(error.exit_code)
    command = error.ctx.command_path if error.ctx else "teleprompt"
    _fail(f"{error.format_message().rstrip('.')}; see `{command} --help`.", status=error.exit_code)

"""The `teleprompt` command.

Exit status: 0 success, 1 a negative answer (an invalid attestation, a failed run), 2 wrong usage or configuration.
"""

import os
import sys

import typer

from include.teleprompt.cli import (
    alerts,
    attest,
    attest_chain,
    audit,
    backup,
    deltaone,
    doctor,
    maintenance,
    programs,
    rewards,
    run,
    signer,
    status,
    traces,
    versions,
)
from include.teleprompt.environment import quiet_libraries
from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.secret_uri import hide_credentials

app = typer.Typer(
    name="teleprompt",
    help="Improve DSPy programs from their MLflow traces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
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
    try:
        app()
    except ConfigurationError as error:
        _fail(error, status=2)
    except TelepromptError as error:
        _fail(error, status=1)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("TELEPROMPT_DEBUG"):
            raise
        text = str(error).strip().splitlines()
        _fail(
            f"Unexpected {type(error).__name__}: {text[0] if text else ''} (set TELEPROMPT_DEBUG=1 to see where).",
            status=1,
        )


def _fail(error: object, *, status: int) -> None:
    print(f"Error: {hide_credentials(str(error))}", file=sys.stderr)  # noqa: T201 - the command's one line
    sys.exit(status)

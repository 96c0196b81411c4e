"""`teleprompt doctor`: the health of everything that the package needs, a line each."""

import typer

from teleprompt.cli.output import JsonOption, print_json, say


def doctor(json_: JsonOption = False) -> None:
    """Check MLflow, storage, the language model, the signer, the program files and the chain's node."""
    from teleprompt.config.settings import Settings
    from teleprompt.health import examine

    findings = examine(Settings())
    if json_:
        print_json([finding.model_dump() for finding in findings])
    else:
        for finding in findings:
            say(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:<9} {finding.detail}")
            if finding.remedy:
                say(f"      {'':<9} -> {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)

"""`teleprompt doctor`: the health of everything that the package needs, a line each."""

import typer

from teleprompt.cli.output import JsonOption, print_json, say


def doctor(json_: JsonOption = False) -> None:
    """Check MLflow, storage, the language model, the signer, the program files, who is told, and the chain's node.

    In a deployment as Airflow's connections name them, those in its database included.
    """
    from teleprompt.health import examine_deployment

    findings = examine_deployment()
    if json_:
        print_json([finding.model_dump() for finding in findings])
    else:
        for finding in findings:
            line = f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:<9} {finding.detail}"
            say(line, colour=None if finding.ok else "red")
            if finding.remedy:
                say(f"      {'':<9} -> {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)

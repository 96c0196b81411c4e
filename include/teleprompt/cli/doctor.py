"""`teleprompt doctor`: the health of everything that the package needs, a line each."""

from collections.abc import Callable

import typer

from include.teleprompt.cli.output import JsonOption, print_json
from include.teleprompt.config.settings import Settings


def doctor(json_: JsonOption = False) -> None:
    """Check MLflow, storage, the language model, the signer and the program files."""
    settings = Settings()
    checks: dict[str, Callable[[Settings], str]] = {
        "mlflow": _mlflow,
        "storage": _storage,
        "lm": _lm,
        "signer": _signer,
        "programs": _programs,
    }
    findings = []
    for name, check in checks.items():
        try:
            findings.append({"check": name, "ok": True, "detail": check(settings)})
        except Exception as error:  # noqa: BLE001 - whatever fails is the finding
            lines = str(error).strip().splitlines() or [type(error).__name__]
            findings.append({"check": name, "ok": False, "detail": lines[0]})
    if json_:
        print_json(findings)
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding['ok'] else 'FAIL'}  {finding['check']:<9} {finding['detail']}")
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(1)


def _mlflow(settings: Settings) -> str:
    from include.teleprompt.tracking.connection import mlflow_client

    with mlflow_client(settings.tracking_uri) as client:
        count = len(client.search_experiments(max_results=1000))
    return f"{settings.tracking_uri} answers, {count} experiments"


def _storage(settings: Settings) -> str:
    from include.teleprompt.storage import get_blob, put_blob

    get_blob(put_blob(settings.storage_uri, "doctor", b"written and read back", suffix=".txt"))
    return f"{settings.storage_uri} can be written and read"


def _lm(settings: Settings) -> str:
    from include.teleprompt.lm.build import build_lm

    build_lm(settings.lm)("Say ok.")
    return f"{settings.lm.model} answers"


def _signer(settings: Settings) -> str:
    if not settings.signers:
        return "none: attestations are not signed (set TELEPROMPT_SIGNER__KEYSTORE and TELEPROMPT_SIGNER__PASSWORD)"
    from include.teleprompt.signing.signer import open_signer

    return f"{', '.join(open_signer(signer).address for signer in settings.signers)} can sign"


def _programs(settings: Settings) -> str:
    from include.teleprompt.config.files import load_program_file, program_files
    from include.teleprompt.program.entry_point import check_entry_point

    files = program_files(settings.programs_dir)
    for file in files:
        check_entry_point(file, load_program_file(file).entry_point)
    return f"{len(files)} program files in {settings.programs_dir} are valid"

"""`teleprompt attest log`: the public log of trials and attestations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.attestation_id import AttestationId
from teleprompt.cli.output import JsonOption, print_document, print_json, print_table, read_limited, say, write_file

if TYPE_CHECKING:
    from teleprompt.transparency.check import CheckedLog
    from teleprompt.transparency.log import PublicLog

app = typer.Typer(help="The public log: which trials were opened, which attestations issued.", no_args_is_help=True)

FilesOption = Annotated[
    str | None,
    typer.Option("--files", metavar="PLACE", help="A copy of the log: folder, bucket or web address. Else our own."),
]
KeyOption = Annotated[
    str | None, typer.Option("--log", metavar="KEY", help="The log's verifier key; needed with --files.")
]
OutOption = Annotated[Path | None, typer.Option(help="File to write; by default standard output.")]


@app.command()
def status(json_: JsonOption = False) -> None:
    """Show the log's name, its verifier key, its size and who vouched for it."""
    from teleprompt.attest.public_log import no_log

    with _own() as log:
        signed, key = log.checkpoint(), log.key
        if key is None:
            raise no_log()
        found = {
            "origin": key.name,
            "key": str(key),
            "size": signed.checkpoint.size if signed else 0,
            "root": signed.checkpoint.root.hex() if signed else None,
            "cosigned_by": sorted({line.name for line in signed.note.signatures} - {key.name}) if signed else [],
            "files": log.uri,
        }
    if json_:
        print_json(found)
        return
    for name, value in found.items():
        say(f"{name:<12} {', '.join(value) if isinstance(value, list) else value}")


@app.command("list")
def list_all(
    files: FilesOption = None,
    log: KeyOption = None,
    program: Annotated[str | None, typer.Option(help="Only of this program, by its name in traces.")] = None,
    json_: JsonOption = False,
) -> None:
    """List the entries in their order, after checking all of them."""
    from teleprompt.transparency.entries import program_digest

    with _opened(files, log) as opened:
        digest = None if program is None else program_digest(program)
        found = [entry for entry in opened.entries() if digest in {None, entry.said.get("program")}]
    if json_:
        print_json([{"index": entry.index, **entry.said} for entry in found])
        return
    print_table(
        ("entry", "what", "trial or hash", "number", "level", "opened"),
        [
            (
                entry.index,
                entry.kind,
                entry.said.get("attestation_hash") or entry.said.get("trial_id") or entry.said.get("list_digest"),
                entry.said.get("number"),
                entry.said.get("level_e6"),
                entry.said.get("opened_at"),
            )
            for entry in found
        ],
        empty="No such entry.",
    )


@app.command()
def check(
    files: FilesOption = None,
    log: KeyOption = None,
    kept: Annotated[
        Path | None, typer.Option(help="A checkpoint that you kept: the log must go on from it.", dir_okay=False)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Read the whole log: entries, tiles, root, signature; exit status 1 if something does not hold."""
    from teleprompt.errors import ConfigurationError
    from teleprompt.transparency.checkpoint import SignedCheckpoint
    from teleprompt.transparency.note import MOST_BYTES, NoteError

    with _opened(files, log) as opened:
        if kept is not None:
            try:
                opened.check_goes_on(SignedCheckpoint.parse(read_limited(kept, MOST_BYTES)))
            except NoteError as error:
                raise ConfigurationError(f"{kept} is no checkpoint ({error}); name one that you kept.") from error
        report = opened.report()
    if json_:
        print_json(report.model_dump())
    else:
        counts = ", ".join(f"{count} of {kind}" for kind, count in report.kinds.items())
        say(f"{report.origin}: {report.size} entries ({counts}), all as they were signed")
        if kept is not None:
            say("it goes on from the checkpoint that you kept")
    if report.twice:
        say(f"{report.twice} entries stand there twice", err=True)
        raise typer.Exit(1)


@app.command()
def checkpoint(out: OutOption = None, json_: JsonOption = False) -> None:
    """Print the newest checkpoint, for who keeps it."""
    from teleprompt.errors import ConfigurationError

    with _own() as log:
        signed = log.checkpoint()
    if signed is None:
        raise ConfigurationError("The public log has no entry yet; `teleprompt attest log update` adds what there is.")
    if json_:
        head = signed.checkpoint
        print_json({"origin": head.origin, "size": head.size, "root": head.root.hex(), "note": signed.data.decode()})
    else:
        _write(out, signed.data)


@app.command()
def prove(attestation_id: AttestationId, out: OutOption = None, json_: JsonOption = False) -> None:
    """Write the proof that an attestation is in the log (c2sp.org/tlog-proof), for `attest verify --log-proof`."""
    from teleprompt.attest.public_log import prove_logged
    from teleprompt.attest.stored import open_attestations
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError
    from teleprompt.transparency.log import PublicLog

    settings = Settings()
    with open_attestations(settings) as store:
        attestation = store.find_issued(attestation_id).attestation
        proof = prove_logged(PublicLog(store.client, settings.storage_uri), attestation)
    if proof is None:
        raise ConfigurationError(
            f"The attestation {attestation_id} is not in the public log; `teleprompt attest log update` adds it."
        )
    if json_:
        print_json({"index": proof.index, "size": proof.signed.checkpoint.size, "proof": proof.to_bytes().decode()})
    else:
        _write(out, proof.to_bytes())


@app.command()
def consistency(
    kept: Annotated[Path, typer.Argument(help="A checkpoint of before.", dir_okay=False)],
    files: FilesOption = None,
    log: KeyOption = None,
    out: OutOption = None,
    json_: JsonOption = False,
) -> None:
    """Write the proof that the log goes on from a checkpoint that somebody kept, for `attest verify --consistency`."""
    from teleprompt.attest.log_files import goes_on_in
    from teleprompt.errors import ConfigurationError
    from teleprompt.transparency.checkpoint import SignedCheckpoint
    from teleprompt.transparency.note import MOST_BYTES, NoteError

    with _opened(files, log) as opened:
        try:
            old = SignedCheckpoint.parse(read_limited(kept, MOST_BYTES))
        except NoteError as error:
            raise ConfigurationError(f"{kept} is no checkpoint ({error}); name one that you kept.") from error
        opened.check_goes_on(old)
        found = goes_on_in(opened, old)
    if found is None:
        raise ConfigurationError(f"{kept} is of the log's newest size; there is nothing to prove.")
    if json_:
        print_json({"old": found.old, "size": found.signed.checkpoint.size, "proof": found.to_bytes().decode()})
    else:
        _write(out, found.to_bytes())


@app.command()
def update(json_: JsonOption = False) -> None:
    """Add what is missing of all trials and attestations; ask witnesses, time stamp and mirror again."""
    from teleprompt.attest.codes import UntrustedAttestationError
    from teleprompt.attest.public_log import log_everything
    from teleprompt.attest.stored import open_attestations
    from teleprompt.config.settings import Settings

    settings = Settings()
    documents, left_out = [], []
    with open_attestations(settings) as store:
        for stored in reversed(store.list()):
            try:
                documents.append(store.open_issued(stored).attestation)
            except UntrustedAttestationError as error:
                left_out.append(str(error))
        added, missing = log_everything(settings, store.client, documents)
    if json_:
        print_json({"added": added, "left_out": left_out, "not_vouched": missing})
    else:
        say(f"{added} entries were added")
        for line in (*left_out, *missing):
            say(line, err=True)
    if left_out or missing:
        raise typer.Exit(1)


@app.command()
def mirror(
    place: Annotated[str, typer.Argument(help="Folder or bucket of a web server.")], json_: JsonOption = False
) -> None:
    """Copy the log's files to where anybody can read them; what is new, and the checkpoint last."""
    from teleprompt.registry.lock import registry_lock
    from teleprompt.transparency.mirror import copy_tiles, publish_checkpoint

    with _own() as log:
        signed = log.checkpoint()
        size = signed.checkpoint.size if signed else 0
        copied = copy_tiles(log, place, size)
        with registry_lock(log.client, "public-log", resource="the public log") as lease:
            publish_checkpoint(log, place, lease.check)
    if json_:
        print_json({"size": size, "copied": copied, "place": place})
    else:
        say(f"{copied} files of a log of {size} entries were copied to {place}")


@contextmanager
def _own() -> Iterator["PublicLog"]:
    from teleprompt.config.settings import Settings
    from teleprompt.tracking.connection import mlflow_client
    from teleprompt.transparency.log import PublicLog

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        yield PublicLog(client, settings.storage_uri)


@contextmanager
def _opened(files: str | None, key: str | None) -> Iterator["CheckedLog"]:
    """A copy of the log, or this installation's own, with the checkpoint that MLflow knows."""
    from teleprompt.attest.public_log import no_log
    from teleprompt.errors import ConfigurationError
    from teleprompt.transparency.check import CheckedLog
    from teleprompt.transparency.note import NoteError, NoteKey
    from teleprompt.transparency.tiles import reader_of

    if files is not None:
        if key is None:
            raise ConfigurationError("Anybody can make a log; name its verifier key with --log.")
        try:
            yield CheckedLog.open(reader_of(files), NoteKey.parse(key))
        except NoteError as error:
            raise ConfigurationError(f"--log: {error}; give the key that the log publishes.") from error
        return
    with _own() as log:
        if log.checkpoint() is None:
            raise no_log()
        yield CheckedLog.open(log.read, log.key)


def _write(out: Path | None, data: bytes) -> None:
    if out is None:
        print_document(data)
    else:
        write_file(out, data.decode())
        say(f"{out}: {len(data)} bytes")

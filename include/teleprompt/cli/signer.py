"""`teleprompt signer`: the keys that sign attestations, and their history."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, print_document, print_json, print_table, say, write_file
from teleprompt.signing.message_key import Algorithm

if TYPE_CHECKING:
    from teleprompt.attest.trust_list import TrustList

app = typer.Typer(help="The keys that sign attestations, and their history.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the key, in its EIP-55 form.")]


@app.command()
def new(
    keystore: Annotated[Path, typer.Argument(help="File to write: Web3 Secret Storage.", dir_okay=False)],
    password_file: Annotated[Path, typer.Option(help="File to write: its password.", dir_okay=False)],
    json_: JsonOption = False,
) -> None:
    """Make a key, protected by a password that is made too, and show its address."""
    from teleprompt.signing.keystore import write_keystore

    address = write_keystore(keystore, password_file)
    if json_:
        print_json({"address": address, "keystore": str(keystore), "password_file": str(password_file)})
    else:
        say(address)


@app.command("new-key")
def new_key(
    file: Annotated[Path, typer.Argument(help="File to write: the key as encrypted PEM.", dir_okay=False)],
    password_file: Annotated[Path, typer.Option(help="File to write: its password.", dir_okay=False)],
    kind: Annotated[Algorithm, typer.Option(help="The public log needs Ed25519.")] = Algorithm.ED25519,
    json_: JsonOption = False,
) -> None:
    """Make a key of the public log or of envelopes, protected by a password that is made too; show its public half."""
    from teleprompt.signing.message_key import write_message_key

    public = write_message_key(file, password_file, kind).pem
    if json_:
        print_json({"public_key": public, "file": str(file), "password_file": str(password_file)})
        return
    for line in public.splitlines():
        say(line)


@app.command("list")
def list_all(json_: JsonOption = False) -> None:
    """List the keys that are published, with their times; those that the settings name and the list lacks, too."""
    from teleprompt.attest.published import read_published
    from teleprompt.config.settings import Settings
    from teleprompt.signing.signer import addresses_of
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        published, named = read_published(settings, client), addresses_of(settings)
    if json_:
        listed = None if published is None else {**published.to_dict(), "digest": published.digest}
        print_json({"published": listed, "configured": sorted(named)})
        return
    listed_signers = published.signers if published else ()
    rows: list[tuple[object, ...]] = [
        (
            signer.address,
            signer.valid_from,
            signer.valid_until,
            signer.revoked and f"from {signer.revoked.at}: {signer.revoked.why}",
            "yes" if signer.address in named else None,
        )
        for signer in listed_signers
    ]
    known = published.addresses if published else frozenset()
    rows += [(address, None, None, None, "yes") for address in sorted(named - known)]
    print_table(("address", "from", "until", "revoked", "configured"), rows, empty="Nobody signs here.")
    if published is not None:
        _say_which(published)


@app.command()
def publish(
    address: Address,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="It signs from then on; by default from now on.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="It signs until then: another one follows.")] = None,
    json_: JsonOption = False,
) -> None:
    """Publish from when and until when a key signs; what it signed within stays valid."""
    from teleprompt.attest.key_changes import publish_signer
    from teleprompt.cli.windows import parse_moment
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.tracking.connection import mlflow_client

    settings, own = Settings(), _address(address)
    with mlflow_client(settings.tracking_uri) as client:
        published = publish_signer(
            settings,
            client,
            own,
            valid_from=None if from_ is None else parse_moment("--from", from_),
            valid_until=None if until is None else parse_moment("--until", until),
            who=system_user(),
            now=now(),
        )
    print_list(published, json_)


@app.command()
def revoke(
    address: Address,
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="Nothing of then or later counts.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="One sentence, which is published.")],
    json_: JsonOption = False,
) -> None:
    """Revoke a key that others may have. What it signed before stands, if it is in MLflow now."""
    from teleprompt.attest.key_changes import revoke_signer
    from teleprompt.attest.published import read_published
    from teleprompt.cli.windows import parse_moment
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.tracking.connection import mlflow_client

    settings, own, at = Settings(), _address(address), parse_moment("--from", from_)
    with mlflow_client(settings.tracking_uri) as client:
        entry = revoke_signer(settings, client, own, at=at, why=publishable(why), who=system_user(), now=now())
        published = read_published(settings, client)
    if not json_ and entry.revoked is not None:
        say(f"{own} is revoked; {len(entry.revoked.documents)} attestations of before stand")
    if published is not None:
        print_list(published, json_)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="File to write; by default standard output.")] = None,
    json_: JsonOption = False,
) -> None:
    """Write the published list, for who verifies elsewhere: `attest verify --signers FILE`."""
    del json_  # it is JSON in any case
    from teleprompt.attest.published import read_published, serialize_list
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        published = read_published(settings, client)
    if published is None:
        raise ConfigurationError("No key is published yet; `teleprompt signer publish ADDRESS` does it.")
    if out is None:
        print_document(serialize_list(published).encode())
        return
    write_file(out, serialize_list(published))
    _say_which(published)


def print_list(published: "TrustList", json_: bool) -> None:
    """Print which list was published, or all of it."""
    if json_:
        print_json({**published.to_dict(), "digest": published.digest})
    else:
        _say_which(published)
    if not published.proof:
        say("Nobody signed the list: it can refuse, and adds nobody who is trusted; set a signer.", err=True)


def _say_which(published: "TrustList") -> None:
    say(f"list {published.number} of {published.published_at}, {published.digest}")


def _address(text: str) -> str:
    from teleprompt.encoding.addresses import AddressError, checksum_address
    from teleprompt.errors import ConfigurationError

    try:
        return checksum_address(text)
    except AddressError as error:
        raise ConfigurationError(f"ADDRESS: {error}; give its EIP-55 form.") from error


def publishable(why: str) -> str:
    """A reason that can be published.

    Raises:
        ConfigurationError: it is too long, or more than one line.
    """
    from teleprompt.encoding.canonical_json import is_plain
    from teleprompt.errors import ConfigurationError
    from teleprompt.records import MAX_IDENTIFIER

    if not why or len(why) > MAX_IDENTIFIER or not is_plain(why):
        raise ConfigurationError(f"--why {why!r} is no line of up to {MAX_IDENTIFIER} letters; say it in one sentence.")
    return why


def now() -> datetime:
    """To the second, as it is published."""
    return datetime.now(UTC).replace(microsecond=0)

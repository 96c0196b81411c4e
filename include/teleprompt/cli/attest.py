"""`teleprompt attest`: attestations."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli import attest_log
from teleprompt.cli.attest_policy import open_files, openings_of, policy_of, proof_of, unwrapped
from teleprompt.cli.attestation_id import AttestationId
from teleprompt.cli.output import JsonOption, print_document, print_json, print_table, read_limited, say, window_text

if TYPE_CHECKING:
    from teleprompt.attest.trust_list import TrustList
    from teleprompt.attest.verify import Verification
    from teleprompt.audit.verify_deep import DeepCheck
    from teleprompt.config.settings import Settings
    from teleprompt.signing.message_key import MessageKey
    from teleprompt.signing.signer import Signer

app = typer.Typer(help="Attestations.", no_args_is_help=True)
app.add_typer(attest_log.app, name="log")


class ExportFormat(StrEnum):
    """The ecosystems that a document can be signed for."""

    DSSE = "dsse"
    EAS = "eas"


class EnvelopeBy(StrEnum):
    """Who signs an envelope."""

    KEY = "key"
    SIGNER = "signer"


@app.command("list")
def list_all(
    program: Annotated[str | None, typer.Option(help="Only of this program, by its name in traces.")] = None,
    contributor: Annotated[str | None, typer.Option(help="Only those that credit this id or address.")] = None,
    json_: JsonOption = False,
) -> None:
    """List the attestations, newest first."""
    from teleprompt.attest.stored import open_attestations
    from teleprompt.config.settings import Settings

    with open_attestations(Settings()) as store:
        found = [
            stored
            for stored in store.list(program=program)
            if contributor is None or store.credits(stored, contributor)
        ]
    if json_:
        print_json([item.model_dump() for item in found])
        return
    print_table(
        ("id", "program", "window", "chain", "hash"),
        [
            (a.attestation_id, a.program, window_text(a.window_start, a.window_end), a.chain_state, a.attestation_hash)
            for a in found
        ],
        empty="No attestation yet: there is one for each promoted version."
        if program is None and contributor is None
        else "No such attestation.",
    )


@app.command()
def show(
    attestation_id: AttestationId,
    json_: JsonOption = False,
) -> None:
    """Print the exact bytes of an attestation, also of one that was revoked."""
    del json_  # it is JSON in any case
    from teleprompt.attest.stored import open_attestations
    from teleprompt.config.settings import Settings

    with open_attestations(Settings()) as store:
        print_document(store.find_issued(attestation_id).data)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The attestation's file.")],
    signer: Annotated[
        list[str] | None,
        typer.Option("--signer", "--trusted-signer", metavar="ADDR", help="Must be signed by one of these."),
    ] = None,
    require_signature: Annotated[bool, typer.Option("--require-signature", help="A hash is not enough.")] = False,
    threshold: Annotated[int, typer.Option(min=1, help="So many of the signers named must have signed.")] = 1,
    program: Annotated[str | None, typer.Option(help="Must be about this program, by its name in traces.")] = None,
    version: Annotated[str | None, typer.Option(help="Must be about this version, such as 1.0.0-opt-….")] = None,
    state: Annotated[Path | None, typer.Option(help="Must be about the program state in this file.")] = None,
    after: Annotated[str | None, typer.Option(metavar="TIME", help="Must be of this time (ISO 8601) or later.")] = None,
    require_evidence: Annotated[bool, typer.Option("--require-evidence", help="The gain must be backed.")] = False,
    signers: Annotated[
        Path | None, typer.Option(help="Must be signed in his time by one in this file of `signer export`.")
    ] = None,
    list_signer: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Who must have signed that list; from elsewhere.")
    ] = None,
    list_number: Annotated[int, typer.Option(min=1, help="That list must have this number or a later one.")] = 1,
    proof: Annotated[Path | None, typer.Option(help="Also check a proof of `attest prove` against it.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Also recompute the verdict from the scores in this file of `attest bundle`.")
    ] = None,
    envelope_key: Annotated[
        list[Path] | None,
        typer.Option(help="Of a DSSE envelope: must be signed by the key in this PEM, or one of several."),
    ] = None,
    log_proof: Annotated[
        Path | None, typer.Option(help="That it is in a public log: a file of `attest log prove`.", dir_okay=False)
    ] = None,
    log: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Must be in the log with this verifier key, or one of them.")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Verifier key of a witness who must have cosigned.")
    ] = None,
    witnesses: Annotated[int | None, typer.Option(min=1, help="So many of these must have; by default one.")] = None,
    stamped_by: Annotated[
        Path | None, typer.Option(help="Certificate (PEM) of an authority whose time stamps count.", dir_okay=False)
    ] = None,
    kept: Annotated[
        Path | None, typer.Option(help="The log must go on from this checkpoint, which you kept.", dir_okay=False)
    ] = None,
    consistency: Annotated[
        Path | None, typer.Option(help="That it does: a file of `attest log consistency`.", dir_okay=False)
    ] = None,
    log_files: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="Read all of the log there (folder or web address), and count its trials."),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also recompute it from the run in MLflow.")] = False,
    json_: JsonOption = False,
) -> None:
    """Check an attestation offline, from its file alone, and that it is about what you expect."""
    from teleprompt.attest.bundle import MAX_BUNDLE_BYTES
    from teleprompt.attest.expected import Expected
    from teleprompt.attest.load import MAX_BYTES
    from teleprompt.attest.verify import verify_attestation
    from teleprompt.cli.windows import parse_moment

    data, envelope = unwrapped(read_limited(file, MAX_BYTES), envelope_key or ())
    trust_list = None if signers is None else _trust_list(signers, by=list_signer, number=list_number)
    opened = None if log_files is None else open_files(log_files, log or ())
    policy = policy_of(log, witness, witnesses, stamped_by=stamped_by, kept=kept, consistency=consistency, files=opened)
    result = verify_attestation(
        data,
        trusted_signers=signer or (trust_list.addresses if trust_list else ()),
        trust_list=trust_list,
        require_signature=require_signature,
        threshold=threshold,
        expected=Expected(
            program=program,
            version=version,
            state_digest=None if state is None else _digest(state),
            after=None if after is None else parse_moment("--after", after),
            evidence=require_evidence,
        ),
        log=policy,
        log_proof=proof_of(data, log_proof, opened),
    )
    if result.valid and envelope is not None:
        result = _with_more(result, envelope)
    if result.valid and opened is not None:
        result = _with_more(result, lambda: openings_of(data, result, opened))
    if result.valid and proof is not None:
        result = _with_proof(result, data, read_limited(proof, MAX_BYTES))
    if result.valid and bundle is not None:
        result = _with_bundle(result, data, read_limited(bundle, MAX_BUNDLE_BYTES))
    checks = _deep_checks(data) if deep and result.valid else []
    good = result.valid and all(check.holds for check in checks)
    if json_:
        listed = {"deep": [check.model_dump() for check in checks]} if deep else {}
        print_json({**result.model_dump(mode="json"), **listed, "valid": good})
    else:
        say(f"{'valid' if result.valid else 'INVALID'}: {result.code} ({result.detail})")
        for name, text in result.summary.lines() if result.valid and result.summary else []:
            say(f"{name:<12} {text}")
        for check in checks:
            say(f"{'ok  ' if check.holds else 'FAIL'}  {check.name:<21} {check.detail}")
    if not good:
        raise typer.Exit(1)


@app.command()
def prove(
    attestation_id: AttestationId,
    trace: Annotated[str | None, typer.Option(help="Prove that this trace was used.")] = None,
    contributor: Annotated[str | None, typer.Option(help="Prove what this id or address is due of the total.")] = None,
    total: Annotated[str, typer.Option(help="Amount that is divided, in tokens.")] = "1",
    decimals: Annotated[int, typer.Option(min=0, max=36, help="Decimals of the token.")] = 18,
    json_: JsonOption = False,
) -> None:
    """Write a proof for one trace or one contributor; `attest verify --proof` checks it, and npm's Merkle trees do."""
    del json_  # it is JSON in any case
    from teleprompt.attest.proofs import RewardTree
    from teleprompt.attest.stored import open_attestations
    from teleprompt.attribution.rewards import base_units
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError

    if (trace is None) is (contributor is None):
        raise ConfigurationError("There is nothing to prove; name one --trace or one --contributor.")
    with open_attestations(Settings()) as store:
        attested = AttestedRun(store.client, store.find(attestation_id))
        if trace is not None:
            print_json(attested.prove(trace).model_dump(mode="json"))
            return
    tree = RewardTree(attested.attestation, base_units(total, decimals=decimals))
    print_json(tree.prove(contributor or "").model_dump(mode="json"))


@app.command()
def bundle(
    attestation_id: AttestationId,
    out: Annotated[Path | None, typer.Option(help="File to write; by default standard output.")] = None,
    json_: JsonOption = False,
) -> None:
    """Write the document with both scores of each sealed example, for who recomputes the verdict elsewhere."""
    del json_  # it is JSON in any case
    import json

    from teleprompt.attest.stored import open_attestations
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError

    with open_attestations(Settings()) as store:
        found = AttestedRun(store.client, store.find(attestation_id)).bundle()
    document = json.dumps(found, ensure_ascii=False).encode()
    if out is None:
        print_document(document)
        return
    try:
        out.write_bytes(document)
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written ({error.strerror}); name a file that can.") from error
    say(f"{out}: {len(document)} bytes")


@app.command()
def trail(
    attestation_id: AttestationId,
    contributor: Annotated[str | None, typer.Option(help="Only what is counted for this contributor.")] = None,
    json_: JsonOption = False,
) -> None:
    """List the traces that an attestation stands on: whose they are, and what they were used for."""
    from teleprompt.attest.stored import open_attestations
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.config.settings import Settings

    with open_attestations(Settings()) as store:
        attested = AttestedRun(store.client, store.find_issued(attestation_id))
        entries = [e for e in attested.trail() if contributor in {None, e.contributor_id}]
    if json_:
        print_json([entry.model_dump() for entry in entries])
        return
    print_table(
        ("contributor", "part", "trace", "logged by", "score", "demo"),
        [
            (e.contributor_id, e.part, e.trace_id, e.logged_by, f"{e.score_e6 / 1e6:.3f}", "yes" if e.is_demo else None)
            for e in entries
        ],
        empty="No such contributor.",
    )


EAS_ON_ETHEREUM = "0xA1207F3BBa224E2c9c3c6D5aF63D0eb1582Ce587"


@app.command()
def export(
    attestation_id: AttestationId,
    as_: Annotated[
        ExportFormat, typer.Option("--as", help="An in-toto statement in a DSSE envelope, or off-chain EAS.")
    ],
    chain_id: Annotated[int, typer.Option(min=1, max=2**53 - 1, help="EAS: the chain that it is meant for.")] = 1,
    contract: Annotated[
        str | None, typer.Option(help="EAS: its contract there; needed on any chain but Ethereum's.")
    ] = None,
    by: Annotated[
        EnvelopeBy | None,
        typer.Option(help="DSSE: sign with TELEPROMPT_ENVELOPE_KEY, the default where it is set, or as the signer."),
    ] = None,
    public_key: Annotated[bool, typer.Option("--public-key", help="DSSE: print the public key instead.")] = False,
    json_: JsonOption = False,
) -> None:
    """Sign the document anew in a form that other ecosystems verify; nothing is sent anywhere."""
    del json_  # it is JSON in any case
    from teleprompt.attest import dsse
    from teleprompt.attest.eas_offchain import EasDomain, offchain_attestation
    from teleprompt.attest.stored import open_attestations
    from teleprompt.config.settings import Settings
    from teleprompt.encoding.addresses import AddressError, checksum_address
    from teleprompt.errors import ConfigurationError

    settings = Settings()
    with open_attestations(settings) as store:
        attestation = store.find(attestation_id).attestation
    match as_:
        case ExportFormat.DSSE if public_key:
            for line in dsse.public_key(attestation, _envelope_signer(settings, by)).splitlines():
                say(line)
        case ExportFormat.DSSE:
            print_json(dsse.envelope(attestation, _envelope_signer(settings, by)))
        case ExportFormat.EAS:
            signer = _signer(settings)
            if contract is None and chain_id != 1:
                raise ConfigurationError(f"EAS has another contract on chain {chain_id}; name it with --contract.")
            try:
                domain = EasDomain(chain_id=chain_id, contract=checksum_address(contract or EAS_ON_ETHEREUM))
            except AddressError as error:
                raise ConfigurationError(f"--contract: {error}; give the contract's address.") from error
            print_json(offchain_attestation(attestation, signer, domain))


def _envelope_signer(settings: "Settings", by: EnvelopeBy | None) -> "Signer | MessageKey":
    """The message key where there is one, unless the signer is asked for."""
    from teleprompt.errors import ConfigurationError
    from teleprompt.signing.message_key import open_message_key

    if by is EnvelopeBy.SIGNER or (by is None and settings.envelope_key is None):
        return _signer(settings)
    if settings.envelope_key is None:
        raise ConfigurationError(
            "There is no key for envelopes; set TELEPROMPT_ENVELOPE_KEY__PEM and TELEPROMPT_ENVELOPE_KEY__PASSWORD."
        )
    return open_message_key(settings.envelope_key)


def _signer(settings: "Settings") -> "Signer":
    from teleprompt.errors import ConfigurationError
    from teleprompt.signing.signer import open_signer

    if settings.signer is None:
        raise ConfigurationError(
            "Nobody can sign; set TELEPROMPT_SIGNER__KEYSTORE and TELEPROMPT_SIGNER__PASSWORD, or another signer."
        )
    return open_signer(settings.signer)


@app.command()
def schema() -> None:
    """Print the JSON Schema of an attestation."""
    from teleprompt.attest.document import Attestation

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Attestation.model_json_schema()})


def _trust_list(file: Path, *, by: str | None, number: int) -> "TrustList":
    """The list in a file, if it is the one that is expected."""
    from teleprompt.attest.load import MAX_BYTES
    from teleprompt.attest.trust_list import load_trust_list
    from teleprompt.attest.trust_list_signing import check_published

    found = load_trust_list(read_limited(file, MAX_BYTES), str(file))
    check_published(found, by=by, number=number)
    return found


def _with_proof(result: "Verification", data: bytes, proof: bytes) -> "Verification":
    """The verification with what the proof proves, or why it does not."""
    from teleprompt.attest.load import load_attestation
    from teleprompt.attest.proofs import check_proof, load_proof

    return _with_more(result, lambda: check_proof(load_attestation(data)[0], load_proof(proof)))


def _with_bundle(result: "Verification", data: bytes, bundle: bytes) -> "Verification":
    """The verification with what the bundle's scores show, or why they do not."""
    from teleprompt.attest.bundle import check_bundle
    from teleprompt.attest.load import load_attestation

    return _with_more(result, lambda: f"recomputed: {check_bundle(load_attestation(data)[0], bundle).in_words}")


def _with_more(result: "Verification", check: Callable[[], str]) -> "Verification":
    """The verification with what one more check says, or why it does not hold."""
    from teleprompt.attest.codes import InvalidAttestationError

    try:
        return result.model_copy(update={"detail": f"{result.detail}; {check()}"})
    except InvalidAttestationError as error:
        detail = str(error).removeprefix(f"{error.code}: ")
        refused = {"valid": False, "level": None, "code": error.code, "detail": detail, "summary": None}
        return result.model_copy(update=refused)


def _deep_checks(data: bytes) -> list["DeepCheck"]:
    from teleprompt.attest.codes import UntrustedAttestationError
    from teleprompt.attest.load import load_attestation
    from teleprompt.attest.stored import open_attestations
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.audit.logged import check_public_log
    from teleprompt.audit.verify_deep import DeepCheck, verify_deep
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError

    given, settings = load_attestation(data)[0], Settings()
    with open_attestations(settings) as store:
        try:
            attested = AttestedRun(store.client, store.find(given.attestation_hash))
        except ConfigurationError:
            return [DeepCheck(name="document", holds=False, detail="none with this hash is in MLflow")]
        except UntrustedAttestationError as error:
            return [DeepCheck(name="document", holds=False, detail=str(error))]
        return [
            DeepCheck(name="document", holds=True, detail="the one in MLflow"),
            *verify_deep(attested),
            *check_public_log(store.client, settings.storage_uri, given),
        ]


def _digest(file: Path) -> str:
    """SHA-256 of a file of any size."""
    import hashlib

    from teleprompt.errors import ConfigurationError

    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror}); name a file that can.") from error

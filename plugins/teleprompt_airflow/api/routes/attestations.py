"""The attestations: exact bytes, verification, proofs."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from teleprompt.attest.codes import Code
from teleprompt.attest.expected import Expected
from teleprompt.attest.load import load_attestation
from teleprompt.attest.proofs import RewardProof, RewardTree, TraceProof
from teleprompt.attest.public_log import own_proof
from teleprompt.attest.published import read_published
from teleprompt.attest.stored import AttestationStore, IssuedAttestation, StoredAttestation
from teleprompt.attest.verify import Verification, verify_attestation
from teleprompt.attribution.rewards import base_units
from teleprompt.errors import ConfigurationError
from teleprompt.transparency.log import PublicLog
from teleprompt.window import Moment
from teleprompt_airflow.api.access import Attested, AttestedPrograms
from teleprompt_airflow.api.problems import NotFoundError
from teleprompt_airflow.api.tracking import Attestations, Identifier, Mlflow, SettingsDep

router = APIRouter(tags=["attestations"])


class AttestationList(BaseModel):
    """The attestations of the programs that the user may see, newest first."""

    attestations: list[StoredAttestation]


@router.get("/attestations")
def list_stored(
    programs: AttestedPrograms,
    store: Attestations,
    program: Annotated[str | None, Query(max_length=200, description="The program's name, in URLs or its own.")] = None,
    contributor: Annotated[str | None, Query(max_length=200, description="An id or an address.")] = None,
) -> AttestationList:
    """What was attested; of one program, or crediting one contributor."""
    # Whom a document credits is asked last: it opens the document, which may be another program's, and damaged.
    return AttestationList(
        attestations=[
            stored
            for stored in store.list()
            if programs.has(stored.program, asked=program)
            and (contributor is None or store.credits(stored, contributor))
        ]
    )


@router.get(
    "/attestations/{attestation_id}", response_class=Response, responses={200: {"content": {"application/json": {}}}}
)
def show_attestation(
    attestation_id: Identifier,
    programs: AttestedPrograms,
    store: Attestations,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The exact bytes of the document with that id or hash; they never change."""
    issued = _find(attestation_id, programs, store)
    etag = f'"{issued.stored.attestation_hash}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match == etag:
        return Response(status_code=304, headers=headers)
    return Response(issued.data, media_type="application/json", headers=headers)


@router.post(
    "/attestations/verification",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def verify(
    request: Request,
    settings: SettingsDep,
    client: Mlflow,
    trusted_signer: Annotated[list[str] | None, Query(max_length=100)] = None,
    require_signature: bool = False,
    threshold: Annotated[int, Query(ge=1, le=100)] = 1,
    program: Annotated[
        str | None, Query(max_length=200, description="Must be about it, by its name in traces.")
    ] = None,
    version: Annotated[str | None, Query(max_length=200, description="Must be about it.")] = None,
    state_digest: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the program state it must be about.")
    ] = None,
    after: Annotated[Moment | None, Query(description="Must be of this time or later.")] = None,
    require_evidence: bool = False,
) -> Verification:
    """Check a posted document, as `teleprompt attest verify` does; it need not be one of ours.

    What this installation has revoked, a document or a key, is refused.
    """
    expected = Expected(
        program=program, version=version, state_digest=state_digest, after=after, evidence=require_evidence
    )
    trust_list = await run_in_threadpool(read_published, settings, client)
    data = await request.body()  # the bytes themselves, for they are what was signed
    check = partial(
        verify_attestation,
        data,
        trusted_signers=trusted_signer or (),
        require_signature=require_signature,
        threshold=threshold,
        expected=expected,
        trust_list=trust_list,
    )
    found = await run_in_threadpool(check)
    if found.code is not Code.SIGNER_OUT_OF_TIME:
        return found
    log = PublicLog(client, settings.storage_uri)  # of a key that ended it may show that it had signed before
    proof = await run_in_threadpool(own_proof, log, load_attestation(data)[0])
    return await run_in_threadpool(check, log_proof=proof)


class PublicLogStatus(BaseModel):
    """The public log of this installation."""

    origin: str
    key: str
    """What verifies its checkpoints."""
    size: int
    """Entries."""
    checkpoint: str | None
    """The newest one, signed and cosigned; null before there is an entry."""


@router.get("/public-log")
def show_public_log(programs: AttestedPrograms, settings: SettingsDep, client: Mlflow) -> PublicLogStatus:
    """Its name, its key and its newest checkpoint, held against what MLflow knows."""
    del programs  # who may see attestations
    log = PublicLog(client, settings.storage_uri)
    key, signed = log.key, log.checkpoint()
    if key is None:
        raise NotFoundError("There is no public log here; the connection teleprompt_log begins one.")
    return PublicLogStatus(
        origin=key.name,
        key=str(key),
        size=signed.checkpoint.size if signed else 0,
        checkpoint=signed.data.decode() if signed else None,
    )


@router.get(
    "/attestations/{attestation_id}/proofs/log",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def prove_in_log(
    attestation_id: Identifier, programs: AttestedPrograms, settings: SettingsDep, store: Attestations
) -> Response:
    """The proof that the document is in the public log (c2sp.org/tlog-proof)."""
    issued = _find(attestation_id, programs, store)
    proof = own_proof(PublicLog(store.client, settings.storage_uri), issued.attestation)
    if proof is None:
        raise NotFoundError(f"The attestation {attestation_id!r} is not in the public log.")
    return Response(proof, media_type="text/plain; charset=utf-8")


@router.get("/attestations/{attestation_id}/proofs/traces/{trace_id}")
def prove_trace(
    attestation_id: Identifier, trace_id: Identifier, programs: AttestedPrograms, store: Attestations
) -> TraceProof:
    """The proof that a trace was used; it holds the trace itself."""
    from teleprompt.audit.attested_run import AttestedRun

    issued = _find(attestation_id, programs, store)
    try:
        return AttestedRun(store.client, issued).prove(trace_id)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error


@router.get("/attestations/{attestation_id}/proofs/rewards/{contributor:path}")
def prove_reward(
    attestation_id: Identifier,
    contributor: Identifier,
    programs: AttestedPrograms,
    store: Attestations,
    total: Annotated[str, Query(max_length=100, description="Amount that is divided, in tokens.")],
    decimals: Annotated[int, Query(ge=0, le=36)] = 18,
) -> RewardProof:
    """The proof of what a contributor, by id or address, is due of a total."""
    tree = RewardTree(_find(attestation_id, programs, store).attestation, base_units(total, decimals=decimals))
    try:
        return tree.prove(contributor)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error


def _find(attestation_id: str, programs: Attested, store: AttestationStore) -> IssuedAttestation:
    """The attestation, if the user may see its program."""
    try:
        stored = store.locate(attestation_id)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error
    if not programs.has(stored.program):
        raise NotFoundError(f"There is no attestation {attestation_id!r}; `/attestations` lists those there are.")
    return store.open(stored)

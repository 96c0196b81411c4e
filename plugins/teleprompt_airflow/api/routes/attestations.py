"""The attestations: exact bytes, verification, proofs."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from include.teleprompt.attest.proofs import RewardProof, RewardTree, TraceProof
from include.teleprompt.attest.stored import StoredAttestation, find_attestation, list_attestations
from include.teleprompt.attest.verify import Verification, verify_attestation
from include.teleprompt.attribution.rewards import base_units
from include.teleprompt.errors import ConfigurationError
from teleprompt_airflow.api.access import Attested, AttestedPrograms
from teleprompt_airflow.api.problems import NotFoundError
from teleprompt_airflow.api.tracking import Identifier, Mlflow

router = APIRouter(tags=["attestations"])


class Attestations(BaseModel):
    """The attestations of the programs that the user may see, newest first."""

    attestations: list[StoredAttestation]


@router.get("/attestations")
def list_stored(
    programs: AttestedPrograms,
    client: Mlflow,
    program: Annotated[str | None, Query(max_length=200, description="The program's name, in URLs or its own.")] = None,
    contributor: Annotated[str | None, Query(max_length=200, description="An id or an address.")] = None,
) -> Attestations:
    """What was attested; of one program, or crediting one contributor."""
    found = list_attestations(client, contributor=contributor)
    return Attestations(attestations=[stored for stored in found if programs.has(stored.program, asked=program)])


@router.get(
    "/attestations/{attestation_id}", response_class=Response, responses={200: {"content": {"application/json": {}}}}
)
def show_attestation(
    attestation_id: Identifier,
    programs: AttestedPrograms,
    client: Mlflow,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The exact bytes of the document with that id or hash; they never change."""
    stored, data = _find(attestation_id, programs, client)
    etag = f'"{stored.attestation_hash}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match == etag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="application/json", headers=headers)


@router.post(
    "/attestations/verification",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def verify(
    request: Request,
    trusted_signer: Annotated[list[str] | None, Query(max_length=100)] = None,
    require_signature: bool = False,
    threshold: Annotated[int, Query(ge=1, le=100)] = 1,
) -> Verification:
    """Check a posted document, as `teleprompt attest verify` does; it need not be one of ours."""
    # The bytes themselves, for they are what was signed.
    return await run_in_threadpool(
        verify_attestation,
        await request.body(),
        trusted_signers=trusted_signer or (),
        require_signature=require_signature,
        threshold=threshold,
    )


@router.get("/attestations/{attestation_id}/proofs/traces/{trace_id}")
def prove_trace(
    attestation_id: Identifier, trace_id: Identifier, programs: AttestedPrograms, client: Mlflow
) -> TraceProof:
    """The proof that a trace was used; it holds the trace itself."""
    from include.teleprompt.audit import AttestedRun

    _find(attestation_id, programs, client)
    try:
        return AttestedRun(client, attestation_id).prove(trace_id)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error


@router.get("/attestations/{attestation_id}/proofs/rewards/{contributor:path}")
def prove_reward(
    attestation_id: Identifier,
    contributor: Identifier,
    programs: AttestedPrograms,
    client: Mlflow,
    total: Annotated[str, Query(max_length=100, description="Amount that is divided, in tokens.")],
    decimals: Annotated[int, Query(ge=0, le=36)] = 18,
) -> RewardProof:
    """The proof of what a contributor, by id or address, is due of a total."""
    from include.teleprompt.attest.load import load_attestation

    attestation, _ = load_attestation(_find(attestation_id, programs, client)[1])
    tree = RewardTree(attestation, base_units(total, decimals=decimals))
    try:
        return tree.prove(contributor)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error


def _find(attestation_id: str, programs: Attested, client: Any) -> tuple[StoredAttestation, bytes]:
    """The attestation, if the user may see its program."""
    try:
        stored, data = find_attestation(client, attestation_id)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error
    if not programs.has(stored.program):
        raise NotFoundError(f"There is no attestation {attestation_id!r}; `/attestations` lists those there are.")
    return stored, data

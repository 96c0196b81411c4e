"""The registered versions of a program, and which of them runs."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import AfterValidator, BaseModel, Field

from teleprompt.encoding.text import storable
from teleprompt.errors import ConfigurationError
from teleprompt.program.prompt_diff import PromptDiff
from teleprompt.queries.version_prompts import diff_versions
from teleprompt.registry.aliases import CHAMPION, aliases_of
from teleprompt.registry.audit_trail import AuditEntry, find_gaps, read_trail
from teleprompt.registry.change_log import Change, list_changes
from teleprompt.registry.changes import rollback
from teleprompt.registry.listing import VersionLine, list_versions
from teleprompt.serving.choose import candidates_of, chosen_of
from teleprompt_airflow.api.access import ChangeProgram, ReadProgram, ReadRuns, User
from teleprompt_airflow.api.problems import NotFoundError
from teleprompt_airflow.api.tracking import Identifier, Mlflow

router = APIRouter(tags=["versions"])


class Versions(BaseModel):
    """All versions, newest first."""

    versions: list[VersionLine]


class Changes(BaseModel):
    """The log of changes, newest first."""

    changes: list[Change]


class Assignment(BaseModel):
    """Which version answers the calls of a key."""

    model_config = {"use_attribute_docstrings": True}

    version: int
    version_id: str
    """For the tag `dspy_program_version` of the call."""
    alias: str
    challenger_share: float
    """Of the keys that the challenger answers now, for the tag `teleprompt.assignment_share`; 0 without one."""


class Trail(BaseModel):
    """The audit trail, oldest first, and what is wrong with it."""

    model_config = {"use_attribute_docstrings": True}

    whole: bool
    """Whether no entry is missing, changed or out of order."""
    problems: list[str]
    entries: list[AuditEntry]


class ChampionRequest(BaseModel):
    """Which version is to be champion; none names the one before."""

    model_config = {"extra": "forbid", "use_attribute_docstrings": True}

    number: int | None = Field(None, ge=1, le=2**31 - 1)
    instead_of: int | None = Field(None, ge=1, le=2**31 - 1)
    """Change nothing unless this one is champion."""
    why: Annotated[str, AfterValidator(storable)] = Field(min_length=1, max_length=1000)
    """For the log of changes."""


class Champion(BaseModel):
    """Which version is champion now."""

    champion: int | None
    changed: bool


@router.get(
    "/programs/{program}/assignment",
    response_model=Assignment,
    responses={304: {"description": "It is the one that you know."}},
)
def assign(
    program: ReadProgram,
    client: Mlflow,
    response: Response,
    key: Annotated[str, Query(min_length=1, max_length=1000, description="A customer, a conversation.")],
    if_none_match: Annotated[str | None, Header()] = None,
) -> Assignment | Response:
    """Which version answers the calls of a key; with its ETag a router asks again at little cost."""
    chosen = chosen_of(candidates_of(client, program.config.name), program.config.name, key)
    etag = f'"{chosen.number}-{chosen.alias}-{chosen.challenger_share:g}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match == etag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return Assignment(
        version=chosen.number,
        version_id=chosen.version_id,
        alias=chosen.alias,
        challenger_share=chosen.challenger_share,
    )


@router.get("/programs/{program}/versions")
def list_program_versions(program: ReadProgram, client: Mlflow) -> Versions:
    """The versions with their aliases and lineage."""
    return Versions(versions=list_versions(client, program.config.name))


@router.get("/programs/{program}/versions/{number}")
def show_version(program: ReadProgram, number: int, client: Mlflow) -> VersionLine:
    """One version."""
    for line in list_versions(client, program.config.name):
        if line.number == number:
            return line
    raise NotFoundError(f"{program.slug} has no version {number}.")


@router.get("/programs/{program}/versions/{before}/diff/{after}")
def diff_program_versions(program: ReadRuns, before: Identifier, after: Identifier, client: Mlflow) -> PromptDiff:
    """What changes in the prompt from one version to another, each by its number, id or alias.

    Demonstrations are texts of users, so it takes the right to read the program's runs.
    """
    try:
        return diff_versions(client, program.config.name, before, after)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error


@router.put("/programs/{program}/champion")
def set_champion(program: ChangeProgram, request: ChampionRequest, user: User, client: Mlflow) -> Champion:
    """Make a version champion that was champion before: a rollback, or forward again after one.

    A version that never was champion is let in by its comparison alone.
    """
    name = program.config.name
    change = rollback(
        client,
        name,
        to=request.number,
        instead_of=request.instead_of,
        who=f"{user.get_name()} by the API",
        why=request.why,
    )
    return Champion(champion=aliases_of(client, name).get(CHAMPION), changed=change is not None)


@router.get("/programs/{program}/audit")
def show_trail(program: ReadProgram, client: Mlflow) -> Trail:
    """Who did what to the program, with before and after, each entry chained to the one before."""
    name = program.config.name
    entries = read_trail(client, name)
    problems = find_gaps(client, name, entries)
    return Trail(whole=not problems, problems=problems, entries=entries)


@router.get("/programs/{program}/changes")
def list_program_changes(program: ReadProgram, client: Mlflow) -> Changes:
    """Who promoted, rolled back or refused what, and why."""
    return Changes(changes=list_changes(client, program.config.name))

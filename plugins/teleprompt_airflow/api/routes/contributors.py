"""The contributors: whose data the attested versions were made from, and what that is worth."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from teleprompt.attest.stored import AttestationStore, StoredAttestation
from teleprompt.attribution.rewards import base_units
from teleprompt.errors import ConfigurationError
from teleprompt.queries.contributions import Contribution, ContributorLine, by_contributor, list_contributions
from teleprompt.window import Moment, Window
from teleprompt_airflow.api.access import AttestedPrograms
from teleprompt_airflow.api.problems import NotFoundError
from teleprompt_airflow.api.tracking import Attestations, Identifier

router = APIRouter(tags=["contributors"])


class Contributors(BaseModel):
    """All contributors to the programs that the user may see."""

    contributors: list[ContributorLine]


class Contributions(BaseModel):
    """One contributor's part in each attested version, newest first."""

    contributions: list[Contribution]


class Question(BaseModel):
    """Which attestations count, and what each divides."""

    window: Window | None
    total: int
    of: Callable[[StoredAttestation], bool]


def _question(
    programs: AttestedPrograms,
    program: Annotated[str | None, Query(max_length=200, description="The program's name, in URLs or its own.")] = None,
    start: Annotated[Moment | None, Query(description="Traces from here on; with `end`.")] = None,
    end: Annotated[Moment | None, Query(description="Traces before this moment.")] = None,
    total: Annotated[str, Query(max_length=100, description="What each attestation divides, in tokens.")] = "0",
    decimals: Annotated[int, Query(ge=0, le=36)] = 18,
) -> Question:
    if (start is None) is not (end is None):
        raise ConfigurationError("A period needs `start` and `end`; give both or neither.")

    def counts(stored: StoredAttestation) -> bool:
        return programs.has(stored.program, asked=program)

    window = Window.between(start, end) if start and end else None
    return Question(window=window, total=base_units(total, decimals=decimals), of=counts)


Asked = Annotated[Question, Depends(_question)]


@router.get("/contributors")
def list_contributors(asked: Asked, store: Attestations) -> Contributors:
    """Each contributor's attestations, traces and rewards, by program and period."""
    return Contributors(contributors=by_contributor(_contributions(asked, store)))


@router.get("/contributors/{contributor:path}")
def show_contributor(contributor: Identifier, asked: Asked, store: Attestations) -> Contributions:
    """A contributor, by id or address: the weight in each attested version."""
    found = list(_contributions(asked, store, contributor))
    if not found:
        raise NotFoundError(f"Nothing is attested to {contributor!r} there.")
    return Contributions(contributions=found)


def _contributions(asked: Question, store: AttestationStore, contributor: str | None = None) -> Any:
    return list_contributions(store, total=asked.total, window=asked.window, contributor=contributor, of=asked.of)

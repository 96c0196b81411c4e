"""Who may do what: Airflow's own permissions on a program's DAG."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException
from fastapi import Path as PathParameter

from teleprompt.config.dag_ids import dag_id
from teleprompt.config.files import find_program_file, known_program, slug_of
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.catalog import CatalogEntry, list_programs, programs_by_name
from teleprompt_airflow.api.problems import NotFoundError

User = GetUserDep
Method = Literal["GET", "POST", "PUT"]
Slug = Annotated[str, PathParameter(pattern=r"^[a-z][a-z0-9_]{0,99}$", description="The program file's name.")]


@dataclass(frozen=True)
class Program:
    """A program that the user may see, or do something to."""

    slug: str
    file: Path

    @property
    def dag_id(self) -> str:
        """Its DAG."""
        return dag_id(self.slug)

    @property
    def config(self) -> ProgramConfig:
        """What its file says.

        Raises:
            ProgramFileError: the file is broken.
        """
        return known_program(self.file)


def program_for(method: Method, entity: DagAccessEntity | None = None) -> Callable[..., Program]:
    """The dependency that gives the program of the path to who may do `method` to its DAG, or to its runs."""

    def authorized(program: Slug, user: GetUserDep) -> Program:
        # Before it is looked for: who may not see a program does not learn whether it is there.
        if not may(user, program, method, entity):
            raise HTTPException(403, "Forbidden")
        return find_program(program)

    return authorized


def find_program(slug: str) -> Program:
    """The program with that name in URLs.

    Raises:
        NotFoundError: there is none.
    """
    try:
        file = find_program_file(Settings().programs_dir, slug)
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from error
    if slug_of(file) != slug:
        raise NotFoundError(f"There is no program {slug!r}; by its file's name it is {slug_of(file)!r}.")
    return Program(slug=slug, file=file)


def may(user: BaseUser, program: str, method: Method, entity: DagAccessEntity | None = None) -> bool:
    """Whether `user` may do `method` to a program's DAG."""
    return get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=DagDetails(id=dag_id(program)), user=user
    )


def visible(user: BaseUser, programs: Iterable[str]) -> set[str]:
    """Of `programs` those that `user` may see."""
    by_dag = {dag_id(program): program for program in programs}
    allowed = get_auth_manager().filter_authorized_dag_ids(dag_ids=set(by_dag), user=user, method="GET")
    return {by_dag[own_id] for own_id in allowed}


def visible_entries(user: BaseUser) -> list[CatalogEntry]:
    """The programs that `user` may see, the broken ones too, by name."""
    entries = list_programs(Settings().programs_dir)
    seen = visible(user, (entry.program for entry in entries))
    return [entry for entry in entries if entry.program in seen]


class Attested:
    """The programs whose attestations a user may see, by the `name` that attestations give.

    While no sound file states the name (it is gone, or broken), these are seen by who may read all DAGs.
    """

    def __init__(self, user: User) -> None:
        self._program_of = programs_by_name(Settings().programs_dir)
        self._seen = visible(user, self._program_of.values())
        self._reads_all = get_auth_manager().is_authorized_dag(method="GET", user=user)

    def has(self, name: str, *, asked: str | None = None) -> bool:
        """Whether the user may see it, and it is the one that was asked for, by its name here or in URLs, if any."""
        program = self._program_of.get(name)
        may_see = self._reads_all if program is None else program in self._seen
        return may_see and asked in {None, name, program}


ReadProgram = Annotated[Program, Depends(program_for("GET"))]
ReadRuns = Annotated[Program, Depends(program_for("GET", DagAccessEntity.RUN))]
StartRuns = Annotated[Program, Depends(program_for("POST", DagAccessEntity.RUN))]
ChangeRuns = Annotated[Program, Depends(program_for("PUT", DagAccessEntity.RUN))]
ChangeProgram = Annotated[Program, Depends(program_for("PUT"))]
AttestedPrograms = Annotated[Attested, Depends()]

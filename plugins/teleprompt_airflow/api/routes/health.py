"""Health, and all programs at a glance."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from airflow.models.pool import Pool
from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from teleprompt.alerts.webhook import dead_letters
from teleprompt.chain.outbox import waiting_since
from teleprompt.config.program import ProgramConfig
from teleprompt.health import Finding, examine, examine_model, examine_node
from teleprompt.queries.catalog import sound_configs
from teleprompt.queries.overview import Overview, overview
from teleprompt.traces.submission.spool import Spool
from teleprompt_airflow.api._spool_writer import SPOOL_WRITER
from teleprompt_airflow.api.access import ReadProgram, User, find_program, visible_entries
from teleprompt_airflow.api.database import airflow_session
from teleprompt_airflow.api.problems import RETRY_AFTER_SECONDS
from teleprompt_airflow.api.tracking import Mlflow, SettingsDep
from teleprompt_airflow.dags.program import CHAIN_POOL
from teleprompt_airflow.hooks.settings import model_of, node_of

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The API answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Whether a run could do its work now."""

    ready: bool
    findings: list[Finding]


class Glance(BaseModel):
    """Every program that the user may see and whose file is sound."""

    programs: list[Overview]


class Summary(BaseModel):
    """Where something waits, and what was spent."""

    model_config = {"use_attribute_docstrings": True}

    programs: int
    behind: int
    """Programs with enough traces for a run."""
    backlog: int
    """Traces since the newest windows, of each program counted to `min_traces` at least."""
    cost_usd: float
    """Of compiling and selecting in the last ten runs of each, as far as prices are known."""
    spool_waiting: int
    """Submitted traces on this server's disk."""
    spool_set_aside: int
    """Submitted traces there that could not be written to MLflow."""
    outbox_waiting: int
    """Transactions that wait for the chain."""
    dead_letters: int
    """Alerts that nobody took."""


@router.get("/health/live")
def live() -> Live:
    """Whether the API answers at all."""
    return Live(status="ok")


@router.get("/health/ready", responses={503: {"model": Ready}})
def ready(settings: SettingsDep, response: Response) -> Ready:
    """Whether MLflow, the storage, program files, language models, the chain's node and pools are there; 503 if not."""
    SPOOL_WRITER.wake()  # an earlier server may have left traces behind
    configs = sound_configs(settings.programs_dir)
    shared = examine(settings, ("mlflow", "storage", "programs"))
    findings = [*shared, *_models(configs), *_nodes(configs), *_pools(configs)]
    good = all(finding.ok for finding in findings)
    if not good:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Ready(ready=good, findings=findings)


@router.get("/overview")
def glance(user: User, client: Mlflow) -> Glance:
    """All programs: champion, last verdict, backlog against `min_traces`, spend."""
    programs = [find_program(entry.program) for entry in visible_entries(user) if entry.problem is None]
    return Glance(programs=[overview(client, slug=program.slug, config=program.config) for program in programs])


@router.get("/metrics")
def summary(user: User, client: Mlflow, settings: SettingsDep) -> Summary:
    """A few figures of the programs that you may see, and of all that waits; docs/monitoring.md has them over time."""
    programs, spool = glance(user, client).programs, Spool(settings.spool_dir)
    return Summary(
        programs=len(programs),
        behind=sum(program.backlog >= program.min_traces for program in programs),
        backlog=sum(program.backlog for program in programs),
        cost_usd=sum(program.cost_usd for program in programs),
        spool_waiting=len(spool),
        spool_set_aside=spool.aside(),
        outbox_waiting=len(waiting_since(settings.storage_uri)),
        dead_letters=len(dead_letters(settings.storage_uri)),
    )


@router.get("/programs/{program}/overview")
def glance_at(program: ReadProgram, client: Mlflow) -> Overview:
    """One program at a glance."""
    return overview(client, slug=program.slug, config=program.config)


def _models(configs: Sequence[ProgramConfig]) -> list[Finding]:
    """Of each connection that a program names for its language model."""
    named = {config.lm_conn_id: config for config in configs}
    return [examine_model(conn_id, partial(model_of, config)) for conn_id, config in sorted(named.items())]


def _nodes(configs: Sequence[ProgramConfig]) -> list[Finding]:
    """Of each chain and connection that a program names."""
    chains = {(config.chain.chain_id, config.chain.conn_id): config for config in configs if config.chain is not None}
    return [examine_node(chain_id, partial(node_of, config)) for (chain_id, _), config in sorted(chains.items())]


def _pools(configs: Sequence[ProgramConfig]) -> list[Finding]:
    named = {config.scheduling.pool for config in configs}
    named |= {CHAIN_POOL for config in configs if config.chain is not None}
    with airflow_session() as session:
        return [_pool(name, session) for name in sorted(named)]


def _pool(name: str, session: Session) -> Finding:
    pool = Pool.get_pool(name, session=session)
    detail = "not there: tasks that name it wait for ever" if pool is None else f"{pool.slots} slots"
    remedy = f"`airflow pools set {name} 4 'Teleprompt'`, or import airflow_settings.yaml" if pool is None else None
    return Finding(check=f"pool {name}", ok=pool is not None, detail=detail, remedy=remedy)

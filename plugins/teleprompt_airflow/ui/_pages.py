"""What each page shows, and what its buttons do."""

import logging
from datetime import UTC, date, datetime, time
from typing import Annotated
from urllib.parse import urlencode

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.models.dag import DagModel
from airflow.utils.types import DagRunTriggeredByType
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from teleprompt.alerts.by_default import WAY_OUT, Told, who_is_told
from teleprompt.attest.stored import AttestationStore
from teleprompt.attest.verify import verify_attestation
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.alerts import shared_rules
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.backfill_preview import IN_WORDS, preview_backfill
from teleprompt.queries.history import page_of_runs
from teleprompt.queries.overview import RECENT, overview
from teleprompt.queries.run_detail import RunDetail, read_detail
from teleprompt.queries.trials import read_trials
from teleprompt.registry.change_log import list_changes
from teleprompt.registry.listing import list_versions
from teleprompt.registry.scoreboard import scoreboard_of
from teleprompt.report.page import report_content
from teleprompt.report.read import read_report
from teleprompt.tracking.skipped_windows import list_skipped
from teleprompt_airflow.api.access import (
    Program,
    ReadProgram,
    ReadRuns,
    StartRuns,
    User,
    find_program,
    may,
    visible_entries,
)
from teleprompt_airflow.api.dag_runs import OpenRun, open_runs, start_dag_run
from teleprompt_airflow.api.database import airflow_session
from teleprompt_airflow.api.problems import ConflictError, NotFoundError
from teleprompt_airflow.api.routes.programs import schedule_of
from teleprompt_airflow.api.routes.reports import ReportPeriod, visible_files
from teleprompt_airflow.api.tracking import Attestations, Cursor, Identifier, Mlflow, SettingsDep
from teleprompt_airflow.notifications.tell import found_default
from teleprompt_airflow.ui._charts import evidence_chart, history_chart
from teleprompt_airflow.ui._rendering import render

log = logging.getLogger(__name__)

router = APIRouter(default_response_class=HTMLResponse)
RUNS_OF_A_PAGE = 25
TRIALS_OF_A_PAGE = 5


@router.get("/")
def programs(user: User, client: Mlflow) -> str:
    """All programs at a glance."""
    entries = visible_entries(user)
    sound = [find_program(entry.program) for entry in entries if entry.problem is None]
    return render(
        "programs.html",
        root=".",
        glances=[
            (overview(client, slug=program.slug, config=program.config), schedule_of(program.dag_id))
            for program in sound
        ],
        broken=[entry for entry in entries if entry.problem is not None],
        recent=RECENT,
        way_out=WAY_OUT,
        told=_told([program.config for program in sound]),
    )


@router.get("/report")
def report(user: User, client: Mlflow, settings: SettingsDep, period: ReportPeriod) -> str:
    """What a period brought, of all programs that the user may see."""
    content = report_content(read_report(client, visible_files(user, settings.programs_dir), period))
    return render("report.html", root=".", content=Markup(content))  # noqa: S704 - rendered with escapes


def _told(configs: list[ProgramConfig]) -> Told:
    """Who is told of what no rule names, and of what nobody is."""
    settings = Settings()
    try:
        rules = shared_rules(settings.alerts_file)
    except ConfigurationError as error:
        log.warning("The rules for all programs are left out: %s", error)
        rules = ()
    found = found_default()
    reached = found if found is not None and found.missing is None else None  # without its connection it reaches nobody
    return who_is_told(settings.default_alerts, configs, rules, reached)


@router.get("/programs/{program}")
def program_history(
    program: ReadProgram,
    user: User,
    client: Mlflow,
    cursor: Cursor = None,
    started: Annotated[str | None, Query(max_length=250)] = None,
) -> str:
    """One program: scores over time, versions, runs."""
    name = program.config.name
    runs, following = page_of_runs(client, program=name, limit=RUNS_OF_A_PAGE, cursor=cursor)
    changes = list_changes(client, name)
    trials = read_trials(client, program.config, limit=TRIALS_OF_A_PAGE)
    versions = list_versions(client, name)
    return render(
        "program.html",
        root="..",
        glance=overview(client, slug=program.slug, config=program.config),
        schedule=schedule_of(program.dag_id),
        runs=runs,
        following=following,
        changes=changes,
        versions=versions,
        # The drawing is our own; matplotlib escapes what it writes into it.
        chart=Markup(history_chart(runs, changes)),  # noqa: S704
        may_start=may(user, program.slug, "POST", DagAccessEntity.RUN),
        started=started,
        dag_id=program.dag_id,
        open_runs=_open_runs(program),
        skipped=list_skipped(client, name),
        scoreboard=scoreboard_of(versions),
        trials=trials,
        evidence=Markup(evidence_chart(trials[0])) if trials and trials[0].path else None,  # noqa: S704 - as above
        lookback=program.config.traces.lookback_days,
    )


def _open_runs(program: Program) -> list[OpenRun]:
    with airflow_session() as session:
        return open_runs(program.dag_id, session)


@router.get("/programs/{program}/backfill")
def backfill_page(
    program: ReadProgram,
    client: Mlflow,
    settings: SettingsDep,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
) -> str:
    """What a backfill would do, before Airflow's own dialog; days are those of UTC."""
    start, end = datetime.combine(first, time(), tzinfo=UTC), datetime.combine(last, time.max, tzinfo=UTC)
    preview = preview_backfill(client, program.config, start=start, end=end, fleet=settings.fleet)
    return render("backfill.html", root="../..", program=program, preview=preview, in_words=IN_WORDS)


@router.post("/programs/{program}/start")
def start(program: StartRuns, user: User) -> RedirectResponse:
    """Start a run about the program's lookback; of a paused program by who may unpause it, which it is then."""
    with airflow_session() as session:
        dag = session.get(DagModel, program.dag_id)
        if dag is not None and dag.is_paused:
            if not may(user, program.slug, "PUT"):
                raise ConflictError(
                    f"{program.dag_id} is paused in Airflow, where the run would wait for ever; have it unpaused by "
                    "somebody who may edit it."
                )
            dag.is_paused = False
        run, _ = start_dag_run(program, by=DagRunTriggeredByType.UI, user=user, session=session, conf={})
        return RedirectResponse(f"../{program.slug}?{urlencode({'started': run.run_id})}", 303)


@router.get("/programs/{program}/runs/{run_id}")
def run_page(program: ReadRuns, run_id: Identifier, store: Attestations) -> str:
    """One run, from the traces to the attestation."""
    return render(
        "run.html",
        root="../../..",
        program=program,
        detail=_detail(program, run_id, store),
        verification=None,
        deep=[],
    )


@router.post("/programs/{program}/runs/{run_id}/verify")
def verify(program: ReadRuns, run_id: Identifier, store: Attestations) -> str:
    """The run's page, with its attestation verified: the document itself, and all that it says made anew."""
    detail = _detail(program, run_id, store)
    if detail.attestation is None:
        raise NotFoundError(detail.distrust or f"The run {run_id} issued no attestation.")
    own = detail.attestation["attestation_hash"]
    issued, trust = store.find(own), store.trust
    found = verify_attestation(issued.data, trusted_signers=trust.signers, trust_list=trust.trust_list)
    deep = verify_deep(AttestedRun(store.client, issued))
    return render("run.html", root="../../../..", program=program, detail=detail, verification=found, deep=deep)


def _detail(program: Program, run_id: str, store: AttestationStore) -> RunDetail:
    detail = read_detail(store, run_id)
    if detail is None or detail.run.program != program.config.name:
        raise NotFoundError(f"{program.slug} has no run {run_id!r}.")
    return detail

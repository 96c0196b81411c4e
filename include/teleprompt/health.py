"""The health of everything that the package needs, with a remedy for what is not well."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from teleprompt.alerts.by_default import WAY_OUT, Extras, default_notifier, extra_in_environment, who_is_told
from teleprompt.config.deployment import Deployment, find_deployment
from teleprompt.config.settings import OFFLINE_MODEL, LMConfig, Settings, Web3Config
from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.errors import TelepromptError
from teleprompt.records import Record


class Finding(Record):
    """The state of one thing."""

    check: str
    ok: bool
    detail: str
    remedy: str | None
    """What to do, unless all is well."""


def examine(settings: Settings, checks: Iterable[str] | None = None) -> list[Finding]:
    """Look at each of `checks`, or at everything; whatever fails is a finding, never an error."""
    return [_examine(settings, name) for name in (CHECKS if checks is None else checks)]


def examine_deployment(find: Callable[[], Deployment | None] = find_deployment) -> list[Finding]:
    """Look at everything, with the connections of the Airflow beside which this runs; it is the second finding."""
    deployment: Deployment | None = None
    settings, extra_of = Settings(), extra_in_environment

    def look() -> str:
        nonlocal deployment, settings, extra_of
        deployment = find()
        if deployment is None:
            return NOT_LOOKED_AT
        settings, extra_of = deployment.settings(), deployment.extra_of
        used = ", ".join(deployment.used) or "none of them"
        return f"{deployment.place}; looked at here: {used}"

    beside = _finding("airflow", look, AIRFLOW_REMEDY)
    found = [_examine(settings, name, extra_of, seen=deployment is not None) for name in CHECKS]
    return [found[0], beside, *found[1:]]


def examine_node(chain_id: int, node: Callable[[], Web3Config]) -> Finding:
    """Look at one chain; `node` says where its node is, or raises what is wrong with that."""
    return _finding(f"chain {chain_id}", lambda: _head(node(), chain_id), CHECKS["chain"][1])


def examine_model(conn_id: str, model: Callable[[], LMConfig]) -> Finding:
    """Look whether a language model's address answers; nothing is asked of the model, for that would cost."""
    return _finding(f"model {conn_id}", lambda: _address(model()), CHECKS["lm"][1])


def _address(model: LMConfig) -> str:
    import socket
    from urllib.parse import urlsplit

    if model.model == OFFLINE_MODEL:
        return f"{model.model} is built in"
    if model.api_base is None:
        return f"{model.model} of its provider; it is asked for nothing here (`teleprompt doctor` asks it)"
    place = urlsplit(model.api_base.get_secret_value())
    port = place.port or (443 if place.scheme == "https" else 80)
    socket.create_connection((str(place.hostname), port), timeout=3).close()
    return f"{model.model} at {place.hostname}:{port} answers; nothing was asked"


def _examine(settings: Settings, name: str, extra_of: Extras = extra_in_environment, *, seen: bool = False) -> Finding:
    """`seen`: whether `extra_of` knows Airflow's connections."""
    check, remedy = CHECKS[name]
    if name == "told":
        return _finding(name, lambda: _told(settings, extra_of, seen=seen), remedy)
    return _finding(name, lambda: check(settings), remedy)


def _finding(name: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(check=name, ok=True, detail=look(), remedy=None)
    except Exception as error:  # noqa: BLE001 - whatever fails is the finding
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(check=name, ok=False, detail=hide_credentials(lines[0]), remedy=remedy)


def _project(settings: Settings) -> str:
    if not settings.programs_dir.is_dir():
        raise TelepromptError(
            f"{settings.project_dir} holds no {settings.programs_dir.name}/ ({settings.programs_dir})."
        )
    return f"{settings.project_dir}, programs in {settings.programs_dir}"


def _environment(_settings: Settings) -> str:
    from teleprompt.config.variables import unknown_variables

    unknown = unknown_variables()
    if unknown:
        raise TelepromptError(" ".join(unknown))
    return "each TELEPROMPT_ variable is a setting"


def _mlflow(settings: Settings) -> str:
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(settings.tracking_uri) as client:
        count = len(client.search_experiments(max_results=1000))
    return f"{settings.tracking_uri}{_default(settings, 'tracking_uri')} answers, {count} experiments"


def _storage(settings: Settings) -> str:
    from teleprompt.storage.blobs import get_blob, put_blob

    get_blob(put_blob(settings.storage_uri, "doctor", b"written and read back", suffix=".txt"))
    return f"{settings.storage_uri}{_default(settings, 'storage_uri')} can be written and read"


def _default(settings: Settings, name: str) -> str:
    """Said where nobody named a place: then it is this machine's own, and may be another than Airflow's."""
    return "" if name in settings.model_fields_set else f" (nobody set TELEPROMPT_{name.upper()})"


def _lm(settings: Settings) -> str:
    from teleprompt.lm.build import build_lm

    try:
        build_lm(settings.lm)("Say ok.")
    except Exception as error:
        if settings.lm.api_base is not None:
            settings.lm.api_base.hide_in_error(error)
        raise
    return f"{settings.lm.model} answers"


def _signer(settings: Settings) -> str:
    if not settings.signers:
        return "none: attestations are not signed (set TELEPROMPT_SIGNER__KEYSTORE and TELEPROMPT_SIGNER__PASSWORD)"
    from teleprompt.attest.published import check_may_sign
    from teleprompt.signing.signer import open_signer
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(settings.tracking_uri) as client:
        check_may_sign(settings, client, at=datetime.now(UTC))
    return f"{', '.join(open_signer(signer).address for signer in settings.signers)} can sign"


def _public_log(settings: Settings) -> str:
    """All of it is read: each entry, each tile."""
    from teleprompt.tracking.connection import mlflow_client
    from teleprompt.transparency.check import CheckedLog
    from teleprompt.transparency.log import PublicLog
    from teleprompt.transparency.witness import witness_key

    with mlflow_client(settings.tracking_uri) as client:
        log = PublicLog(client, settings.storage_uri)
        key, signed = log.key, log.checkpoint()
        if signed is None:
            wanted = settings.public_log
            return f"{wanted.origin}, is empty" if wanted else "none (set TELEPROMPT_PUBLIC_LOG__ORIGIN and its key)"
        report = CheckedLog.open(log.read, key).report()
    config = settings.public_log
    names = [one for witness in (config.witnesses if config else ()) if (one := witness_key(witness).name)]
    silent = [name for name in names if name not in report.witnesses]
    if silent:
        raise TelepromptError(f"{' and '.join(silent)} has not cosigned the log of {report.size} entries.")
    if report.twice:
        raise TelepromptError(f"{report.twice} entries of the log stand there twice.")
    counts = ", ".join(f"{count} of {kind}" for kind, count in report.kinds.items())
    return f"{report.origin} has {report.size} entries ({counts}), all as they were signed"


def _programs(settings: Settings) -> str:
    from teleprompt.config.files import load_program_file, program_files
    from teleprompt.program.entry_point import check_entry_point

    files = program_files(settings.programs_dir)
    for file in files:
        check_entry_point(file, load_program_file(file).entry_point)
    return f"{len(files)} program files in {settings.programs_dir} are valid"


def _chain(settings: Settings) -> str:
    from teleprompt.config.files import load_program_file, program_files

    chains = {config.chain.chain_id for file in program_files(settings.programs_dir)
              if (config := load_program_file(file)).chain is not None}  # fmt: skip
    if not chains:
        return "no program names a contract"
    if settings.web3 is None:
        raise TelepromptError(f"There is no node for chain {', '.join(map(str, sorted(chains)))}.")
    return ", ".join(_head(settings.web3, chain_id) for chain_id in sorted(chains))


def _head(web3: Web3Config, chain_id: int) -> str:
    from teleprompt.chain.node import Node

    return f"chain {chain_id} is at block {Node(web3.url.get_secret_value(), chain_id=chain_id).head()}"


def _alerts(settings: Settings) -> str:
    from teleprompt.alerts.webhook import dead_letters
    from teleprompt.config.alerts import shared_rules

    rules = len(shared_rules(settings.alerts_file))
    return f"{rules} rules for all programs, {len(dead_letters(settings.storage_uri))} alerts that nobody took"


def _told(settings: Settings, extra_of: Extras = extra_in_environment, *, seen: bool = False) -> str:
    from teleprompt.config.alerts import NOBODY, shared_rules
    from teleprompt.queries.catalog import sound_configs

    wanted = settings.default_alerts
    found = default_notifier(wanted, extra_of)
    configs = sound_configs(settings.programs_dir)
    told = who_is_told(wanted, configs, shared_rules(settings.alerts_file), found)
    if told.problem is not None:
        unseen = "" if seen else " (Connections that only Airflow knows are not seen here.)"
        raise TelepromptError(f"{told.problem}{unseen}")
    if found is not None:
        if found.missing and seen:
            raise TelepromptError(
                f"What no rule names goes to {found.who}, which takes the connection {found.missing}."
            )
        unseen = f"; {found.missing} is not seen from here, Airflow has to have it" if found.missing else ""
        return f"what no rule names goes to {found.who}{unseen}"
    if wanted.notifier == NOBODY:
        return "nobody is told of what no rule names, as TELEPROMPT_DEFAULT_ALERTS__NOTIFIER says"
    return "rules name all that matters" if configs else "there is no program to tell of"


NOT_LOOKED_AT = (
    "not looked at: no AIRFLOW_HOME here names an Airflow, so connections that it keeps in its database are not seen; "
    "what follows goes by the environment alone"
)
AIRFLOW_REMEDY = (
    "correct AIRFLOW_HOME and AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, or the connection that is named; what follows goes "
    "by the environment alone"
)

CHECKS: Mapping[str, tuple[Callable[[Settings], str], str]] = {
    "project": (_project, "run it in the project's folder, or set TELEPROMPT_PROJECT_DIR or AIRFLOW_HOME"),
    "environment": (_environment, "correct or unset the variables that are named"),
    "mlflow": (_mlflow, "start MLflow, or correct MLFLOW_TRACKING_URI or the connection mlflow_default"),
    "storage": (_storage, "make it writable, or correct TELEPROMPT_STORAGE_URI or the connection teleprompt_storage"),
    "lm": (_lm, "correct TELEPROMPT_LM__MODEL and its key, or the connection teleprompt_lm"),
    "signer": (_signer, "correct TELEPROMPT_SIGNER__KEYSTORE and its password, or the connection teleprompt_signer"),
    "public log": (
        _public_log,
        "see docs/public-log.md; `teleprompt attest log update` asks silent witnesses again",
    ),
    "programs": (_programs, "correct the file that is named; `teleprompt programs validate` shows all that is wrong"),
    "alerts": (_alerts, "correct include/alerts.yaml; `teleprompt alerts check` shows the rules that apply"),
    "told": (_told, WAY_OUT),
    "chain": (_chain, "correct TELEPROMPT_WEB3__URL, or the connection that the program's chain.conn_id names"),
}
"""By name: what to look at, and what to do where that fails."""

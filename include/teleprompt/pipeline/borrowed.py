"""What other programs have learnt, offered as further candidates: their champions' instructions and demonstrations.

A demonstration comes from the other program's train part, never from what it has sealed; one whose input stands in this
program's select part is left out, and the gate leaves out sealed examples that a candidate knows by heart. Whoever
brought a demonstration is credited like those who brought this program's own.
"""

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from teleprompt.attribution.first_uses import first_uses
from teleprompt.attribution.usage import demo_traces
from teleprompt.attribution.wallets import standing_wallets
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.gate.comparison import Comparison
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.prompt_size import measure_prompt, prompt_too_large
from teleprompt.optimize.select import Selection
from teleprompt.program.fields import ProgramFields
from teleprompt.program.state import first_member, predictor_states
from teleprompt.records import Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.versions import RUN_KEY, VERSION_ID, read_version, version_of_alias
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import SnapshotPart, SnapshotRecord, read_rows, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

BORROWED = "borrowed"
"""Record of the pipeline run."""
FIRST_SEED = 1_000_000
"""Of candidates that were not compiled; above all others, so that of equals one's own wins."""


class Offer(Record):
    """What one other program offers."""

    seed: int
    program: str
    version_id: str
    state: Blob
    train: SnapshotPart | None
    """The traces that its demonstrations come from; None where it has none."""
    traces: tuple[str, ...]
    """Ids of those that stand in the state."""
    wallets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The addresses that stand for ids there, by who used them first."""


class Borrowed(Record):
    """What the other programs offer; a record of the run, so that a retry races the same."""

    offers: tuple[Offer, ...]
    left_out: dict[str, str]
    """Why a program offers nothing."""

    def candidates(self) -> list[Candidate]:
        """To be judged like any other."""
        return [Candidate.model_validate({**_FREE, "seed": one.seed, "state": one.state}) for one in self.offers]

    def of_seed(self, seed: int) -> Offer | None:
        """The offer that is the candidate of that seed."""
        return next((one for one in self.offers if one.seed == seed), None)


_FREE: dict[str, Any] = {"failures": {}, "spend": {}, "seconds": 0.001}
"""Nothing was compiled for it."""


def borrow(
    client: "MlflowClient",
    programs: Sequence[str],
    *,
    own: Blob,
    fields: ProgramFields,
    select: SnapshotPart,
    config: OptimizationConfig,
    storage_uri: str,
) -> Borrowed:
    """The champions of other `programs` whose predictors fit those of `own`, a state of this program.

    The limits of prompts in `config` hold for them, too.
    """
    offers: list[Offer] = []
    left_out: dict[str, str] = {}
    asked = {_asked(dict(row.inputs), fields, logged=True) for row in read_rows(select)}
    for number, name in enumerate(programs):
        version = version_of_alias(client, name, CHAMPION)
        if version is None:
            left_out[name] = "it has no champion"
            continue
        theirs = first_member(read_version(client, version).state)
        train, wallets = _taught_in(client, name, version.tags.get(RUN_KEY))
        rows = [] if train is None else read_rows(train)
        taught = {_asked(dict(row.inputs), fields, logged=True) for row in rows}
        state = _transplanted(first_member(get_blob(own)), theirs, fields, asked=asked, taught=taught)
        if isinstance(state, str):
            left_out[name] = state
            continue
        too_large = prompt_too_large(measure_prompt(state, rows, begun_as=get_blob(own)), config)
        if too_large is not None:
            left_out[name] = too_large
            continue
        traces = demo_traces(state, rows, fields)
        offers.append(
            Offer(
                seed=FIRST_SEED + number,
                program=name,
                version_id=version.tags.get(VERSION_ID, str(version.version)),
                state=put_blob(storage_uri, "programs", state, suffix=".json"),
                train=train,
                traces=traces,
                wallets=wallets,
            )
        )
    for name, why in left_out.items():
        log.warning("Nothing is learnt from %s: %s.", name, why)
    return Borrowed(offers=tuple(offers), left_out=left_out)


def offer_of(run: PipelineRun, selection: Selection) -> Offer | None:
    """The offer that was selected; `run` is the one that selected it. None for a candidate of this program's own."""
    borrowed = run.read(BORROWED, Borrowed)
    return borrowed.of_seed(selection.winner.seed) if borrowed else None


def borrowed_rows(offer: Offer | None) -> list[TraceRow]:
    """The traces whose contributors are credited for an offer.

    Raises:
        TelepromptError: they are missing in the storage, or damaged.
    """
    if offer is None or offer.train is None:
        return []
    return [row for row in read_rows(offer.train) if row.trace_id in set(offer.traces)]


def _transplanted(
    own: bytes, theirs: bytes, fields: ProgramFields, *, asked: set[str], taught: set[str]
) -> bytes | str:
    """This program's state with the other's instructions and demonstrations; or why they do not fit.

    Each demonstration has to be of a trace that the other was `taught` by: of any other nobody could be credited, nor
    told whether it is `asked` here.
    """
    ours, others = dict(predictor_states(own)), dict(predictor_states(theirs))
    if ours.keys() != others.keys():
        return f"its predictors are {', '.join(sorted(others))}, not {', '.join(sorted(ours))}"
    for name, part in ours.items():
        if _names(part) != _names(others[name]):
            return f"the fields of its predictor {name} are others"
    state: dict[str, Any] = json.loads(own)
    for name, part in others.items():
        if any(_asked(demo, fields, logged=False) not in taught for demo in part["demos"]):
            return "the traces of some of its demonstrations are not there any more, so nobody could be credited"
        mine = state if name == "self" else state[name]
        mine["signature"]["instructions"] = part["signature"]["instructions"]
        mine["demos"] = [demo for demo in part["demos"] if _asked(demo, fields, logged=False) not in asked]
    changed = canonical_json(state)
    return "it says the same" if changed == canonical_json(json.loads(own)) else changed


def _names(part: Any) -> list[str]:
    return [str(field.get("prefix")) for field in part["signature"]["fields"]]


def _asked(values: dict[str, Any], fields: ProgramFields, *, logged: bool) -> str:
    """What is asked, in a form in which equal inputs are alike."""
    found = {
        field.name: field.comparable(field.from_row(values[field.name]) if logged else values[field.name])
        for field in fields.inputs
        if values.get(field.name) is not None
    }
    return json.dumps(found, sort_keys=True)


def _taught_in(
    client: "MlflowClient", program: str, run_key: str | None
) -> tuple[SnapshotPart | None, dict[str, tuple[str, ...]]]:
    """The train part that a version was compiled from, and the addresses that stood for ids then.

    The run that promoted it may be a later window of its trial than the one that compiled it.
    """
    run = PipelineRun.find(client, program=program, key_digest=run_key) if run_key else None
    if run is None:
        return None, {}
    comparison = run.read("gate", Comparison)
    compiled = opening_run(run, comparison.trial) if comparison else run
    record = compiled.read("snapshot", SnapshotRecord)
    if record is None:
        return None, {}
    return read_snapshot(record).parts[Part.TRAIN], standing_wallets(first_uses(compiled, program, record), named={})

"""What MLflow's records refer to in the storage. What cannot be read is an error, never an empty answer."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.errors import TelepromptError
from teleprompt.gate.ledger import LOOK
from teleprompt.gate.trial_ledger import ENDED, OPENED, SCORED, TRIAL
from teleprompt.gate.trial_records import Opening
from teleprompt.maintenance._inventory import list_files
from teleprompt.maintenance._ours import own_experiments, own_models, runs_of
from teleprompt.maintenance.plan import Kind, References, StoredFile
from teleprompt.records import Digest
from teleprompt.registry.versions import RUN_KEY, STATE_DIGEST
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.tracking.pipeline_run import KEY_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient


LOOK_TAG = f"teleprompt.{LOOK}"
OPENED_TAG, SCORED_TAG, ENDED_TAG = f"teleprompt.{OPENED}", f"teleprompt.{SCORED}", f"teleprompt.{ENDED}"
TAGS_WITH_FILES = frozenset({LOOK_TAG, OPENED_TAG, SCORED_TAG})
"""Tags whose JSON names files of the storage."""


@dataclass
class _Found:
    """What the runs and versions refer to, as far as they were read."""

    roots: set[Digest] = field(default_factory=set)
    named: set[Digest] = field(default_factory=set)
    attestations: set[Digest] = field(default_factory=set)
    snapshots: dict[Digest, set[Digest]] = field(default_factory=dict)
    """By the digest that an attestation states: what the runs of the snapshot refer to."""
    of_trials: dict[str, set[Digest]] = field(default_factory=lambda: defaultdict(set))
    """By trial: its snapshots, and all that the run that opened it keeps. They are needed while it goes on."""
    ended_trials: set[str] = field(default_factory=set)


def survey(client: "MlflowClient", storage_uri: str) -> tuple[list[StoredFile], References]:
    """The files of the storage, and what must stay of them.

    Evidence are all records of a run that was attested, made a registered version, opened a trial that goes on, or is
    running; the examples of every look and the scores of every trial, those of deleted runs too; and the state of every
    registered version.

    Raises:
        TelepromptError: something cannot be read, or the storage holds attestations that MLflow does not know.
    """
    found = _Found()
    made_versions = set()
    for _, versions in own_models(client):
        for version in versions:
            made_versions.add(version.tags.get(RUN_KEY))
            found.roots |= {version.tags[STATE_DIGEST]} if STATE_DIGEST in version.tags else set()
    for experiment in own_experiments(client):
        for run in runs_of(client, experiment.experiment_id):
            _read_run(client, run, found, made_versions - {None})
    for trial, needed in found.of_trials.items():
        found.roots |= set() if trial in found.ended_trials else needed
    files = list_files(storage_uri)  # after MLflow: what a record names is there by then, also of a run under way
    _own_the_orphans(files, found)
    refers = _manifests(files, found.roots)
    return files, References(roots=frozenset(found.roots), refers=refers, named=frozenset(found.named))


def blobs_in(value: Any) -> Iterator[Blob]:
    """All blobs that a JSON value names, however deep."""
    if isinstance(value, dict):
        if value.keys() == {"uri", "digest"}:
            yield Blob.model_validate(value)
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from blobs_in(item)


def _read_run(client: "MlflowClient", run: Any, found: _Found, made_versions: set[str]) -> None:
    tags = run.data.tags
    for tag in TAGS_WITH_FILES & tags.keys():
        content = _parsed(tags[tag], f"The tag {tag} of the MLflow run {run.info.run_id}")
        if tag != LOOK_TAG:
            trial = content["trial"] if tag == SCORED_TAG else Opening.from_stored(tags[tag]).id
            found.of_trials[trial] |= {blob.digest for blob in blobs_in(content.pop("snapshot"))}
        found.roots |= {blob.digest for blob in blobs_in(content)}
    if ENDED_TAG in tags:
        found.ended_trials.add(tags[f"teleprompt.{TRIAL}"])
    if KEY_TAG not in tags:
        return
    records = _records(client, run.info.run_id)
    everything = {blob.digest for record in records.values() for blob in blobs_in(record)}
    if OPENED_TAG in tags:
        found.of_trials[Opening.from_stored(tags[OPENED_TAG]).id] |= everything
    is_running = run.info.status == "RUNNING" and run.info.lifecycle_stage == "active"
    if "attestation" in records or "version" in records or tags[KEY_TAG] in made_versions or is_running:
        found.roots |= everything
    if "attestation" in records:
        found.attestations |= {blob.digest for blob in blobs_in(records["attestation"])}
    if snapshot := records.get("snapshot"):
        found.named |= {blob.digest for blob in blobs_in(snapshot)}
        found.snapshots.setdefault(snapshot["digest"], set()).update(everything)


def _records(client: "MlflowClient", run_id: str) -> dict[str, Any]:
    """All records of a run, by stage."""
    if all(item.path != "records" for item in client.list_artifacts(run_id)):
        return {}
    with TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run_id, "records", folder))
        return {
            file.stem: _parsed(file.read_text(encoding="utf-8"), f"The record {file.stem} of the MLflow run {run_id}")
            for file in sorted(path.glob("*.json"))
        }


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TelepromptError(
            f"{what} cannot be read, so what is evidence is not known; restore it from its backup."
        ) from error


def _own_the_orphans(files: Iterable[StoredFile], found: _Found) -> None:
    """An attestation that no record names yet belongs to the run of its snapshot; or else to another MLflow."""
    unknown = 0
    for file in files:
        if file.kind is not Kind.ATTESTATIONS or file.digest is None or file.digest in found.attestations:
            continue
        document = _parsed(get_blob(Blob(uri=file.uri, digest=file.digest)).decode(), file.uri)
        evidence = found.snapshots.get((document.get("data") or {}).get("snapshot_digest", ""))
        found.roots |= evidence or set()
        unknown += evidence is None
    if unknown:
        raise TelepromptError(
            f"The storage holds {unknown} attestations that this MLflow does not know, so what is evidence cannot be "
            "told; name the MLflow that belongs to this storage, or restore its runs."
        )


def _manifests(files: Iterable[StoredFile], roots: set[Digest]) -> Mapping[Digest, frozenset[Digest]]:
    """What the manifests among the roots name."""
    refers = {}
    for file in files:
        if file.kind is Kind.MANIFESTS and file.digest in roots:
            manifest = get_blob(Blob(uri=file.uri, digest=file.digest))
            refers[file.digest] = frozenset(blob.digest for blob in blobs_in(_parsed(manifest.decode(), file.uri)))
    return refers

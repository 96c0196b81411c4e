"""What bootstrapping made of training examples, kept so that a later window does not make it again.

A bootstrapped trace is what a program said at each of its predictors when it answered a training example well enough to
be a demonstration; or only that it did not in so many tries. Each run keeps its own in a journal; runs of windows that
end later take them from there.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.program.fields import Json, ProgramFields
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import location
from teleprompt.storage.journal import Journal
from teleprompt.traces.snapshot import Snapshot, read_held_out_inputs
from teleprompt.tracking.run_key import RunKey

FORM = 1
"""Form of the kept traces; those of another one are not read."""


class BootstrapTrace(Record):
    """One training example, answered well or not."""

    example: Digest
    """Of its inputs and labels."""
    teacher: Digest
    """Of the state of the program that answered, without the examples that bootstrapping itself showed it."""
    shown: tuple[Digest, ...]
    """Of the inputs of all demonstrations that it was shown."""
    demos: dict[str, tuple[dict[str, Json], ...]]
    """What each predictor was asked and answered, as a program's state would write it; none where none was good."""
    tries: int = 0
    """How many answers were not good enough, where none was good."""


@dataclass(frozen=True)
class BootstrapShelf:
    """Where a run keeps its traces, and finds those of earlier windows."""

    storage_uri: str
    fingerprint: Digest
    """Of all that makes an answer good, and of how traces are split."""
    key: RunKey

    def journal(self) -> Journal:
        """The run's own."""
        return self._journal(self._own)

    def before(self) -> list[BootstrapTrace]:
        """Those of other runs, of windows that end no later; of equal ones the last.

        Not the run's own: a compile that is tried again begins with what the first try began with.
        """
        folder = location(self.storage_uri) / self._folder
        names = {path.name.removesuffix(".jsonl") for path in folder.iterdir()} if folder.exists() else set()
        latest = _name(self.key.window.end_ms, "g")  # after every digest
        entries = [entry for name in sorted(names - {self._own}) if name < latest for entry in self._read(name)]
        found = {(entry["teacher"], entry["example"]): entry for entry in entries}
        return [BootstrapTrace.model_validate(entry) for entry in found.values()]

    def _read(self, name: str) -> Iterable[Json]:
        return self._journal(name).read()

    def _journal(self, name: str) -> Journal:
        return Journal(self.storage_uri, f"{self._folder}/{name}", fingerprint=self.fingerprint)

    @property
    def _folder(self) -> str:
        return f"bootstraps/{self.fingerprint[:16]}"

    @property
    def _own(self) -> str:
        return _name(self.key.window.end_ms, self.key.digest[:16])


def learned_apart(traces: Sequence[BootstrapTrace], snapshot: Snapshot) -> tuple[BootstrapTrace, ...]:
    """The traces whose teacher was shown nothing that this snapshot selects by or seals.

    Whether their own example is in train now is seen when it comes up there.
    """
    if not traces:
        return ()
    fields = snapshot.fields
    held_out = {inputs_key(fields, _parsed(fields, inputs)) for inputs in read_held_out_inputs(snapshot)}
    return tuple(trace for trace in traces if held_out.isdisjoint(trace.shown))


def inputs_key(fields: ProgramFields, inputs: Mapping[str, Json]) -> Digest:
    """SHA-256 of what a call is asked, the same for inputs that ask the same; None stands for one that it lacks."""
    values = [inputs.get(field.name) for field in fields.inputs]
    texts = [None if v is None else field.comparable(v) for field, v in zip(fields.inputs, values, strict=True)]
    return sha256_hex(json.dumps(texts).encode())


def _parsed(fields: ProgramFields, row: Mapping[str, str | None]) -> dict[str, Json]:
    return {field.name: field.from_row(text) for field in fields.inputs if (text := row.get(field.name)) is not None}


def _name(end_ms: int, run: str) -> str:
    return f"{end_ms:015d}-{run}"

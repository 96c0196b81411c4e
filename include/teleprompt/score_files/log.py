"""The answers that an evaluation tool logged, and the table of scores that they are."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.table import Table, listed, shown

ID, SCORE, GROUP = "id", "score", "group"

Document = Mapping[str, Any]
"""A JSON object of a log."""


@dataclass(frozen=True)
class Sample:
    """One answer to one example."""

    number: int | str
    """Where in the log it is."""
    example: int | str
    """The tool's id of the example, or the example's input where the tool has none."""
    scores: Mapping[str, object]
    """By what gave them."""
    measured: Mapping[str, object] = field(default_factory=dict)
    """What else may be a guardrail: seconds, tokens, dollars."""
    about: Mapping[str, object] = field(default_factory=dict)
    """What the log says of the example: what may name its group."""
    group: str | None = None
    asked: str | None = None
    """Input and right answer, where `example` does not say them: both programs have to have been asked the same."""
    program: tuple[str, ...] = ()
    """Names of what answered, where a log may hold several programs; the first is its own."""


@dataclass(frozen=True)
class Log:
    """What a tool logged."""

    path: Path
    unit: str
    """What the tool calls an answer's place."""
    samples: Sequence[Sample]

    def of_program(self, name: str | None) -> "Log":
        """The answers of the program of this name; of the only one if it is None.

        Raises:
            ConfigurationError: there are several such programs, or none.
        """
        programs = list(dict.fromkeys(sample.program for sample in self.samples))
        fitting = [names for names in programs if name is None or name in names]
        if len(fitting) != 1:
            known = "; ".join(", ".join(map(shown, names)) for names in programs if names) or "only one, without a name"
            what = f"no program {name!r}" if not fitting else "several programs"
            first = "".join(programs[0][:1])
            raise ConfigurationError(
                f"{self.path} holds {what} ({known}); name one after a #, as {self.path.name}#{first}."
            )
        return replace(self, samples=[sample for sample in self.samples if sample.program == fitting[0]])

    def chosen(self, columns: Columns) -> Columns:
        """The columns of `table`, each by its name.

        Raises:
            ConfigurationError: a score is not in the log, or it has several and none is named, or it has none.
        """
        names = list(dict.fromkeys(name for sample in self.samples for name in sample.scores))
        if not names:
            raise ConfigurationError(f"{self.path} holds answers and no score; check what was to score them.")
        score = columns.score or (names[0] if len(names) == 1 else SCORE)
        if columns.score is None and score not in names:
            raise ConfigurationError(f"{self.path} has the scores {listed(names)}; name one by --score.")
        known = list(dict.fromkeys([*names, *(name for sample in self.samples for name in sample.measured)]))
        for name in (score, *columns.metrics):
            if name not in known:
                raise ConfigurationError(
                    f"{self.path} has no score {name!r}; it has {listed(known)}: name what is meant by --score or "
                    "--guardrail."
                )
        return Columns(id=ID, score=score, metrics=columns.metrics)

    def table(self, columns: Columns, *, group: str | None = None) -> Table:
        """The scores and metrics of `columns`, one row an answer.

        Several answers to one example are its group, unless `group` names what else is said of the examples.

        Raises:
            ConfigurationError: the log does not say `group` of each example.
        """
        wanted = [name for name in (columns.score, *columns.metrics) if name is not None]
        values: dict[str, Sequence[object]] = {
            name: [sample.scores.get(name, sample.measured.get(name)) for sample in self.samples] for name in wanted
        }
        groups = self._groups(group)
        if groups is not None:
            values[GROUP] = groups
        values[ID] = self._ids()
        asked = [sample.asked for sample in self.samples]
        numbers = [sample.number for sample in self.samples]
        return Table(self.path, self.unit, numbers, values, typed=True, asked=asked if any(asked) else None)

    def _ids(self) -> list[int | str]:
        """The examples' names; several answers to one example are numbered in their order."""
        times = Counter(sample.example for sample in self.samples)
        if max(times.values()) == 1:
            return [sample.example for sample in self.samples]
        answers: dict[int | str, int] = defaultdict(int)
        ids: list[int | str] = []
        for sample in self.samples:
            answers[sample.example] += 1
            ids.append(f"{sample.example} (answer {answers[sample.example]})")
        return ids

    def _groups(self, name: str | None) -> Sequence[object] | None:
        if name is not None:
            missing = next((sample for sample in self.samples if sample.about.get(name) is None), None)
            if missing is not None:
                known = listed(list(missing.about)) if missing.about else "nothing"
                raise ConfigurationError(
                    f"{self.path}, {self.unit} {missing.number} has no {name!r}; of its example the log says {known}: "
                    "name what is meant by --group, or leave it out."
                )
            return [sample.about[name] for sample in self.samples]
        if all(sample.group is not None for sample in self.samples):
            return [sample.group for sample in self.samples]
        examples = [sample.example for sample in self.samples]
        return examples if len(set(examples)) < len(examples) else None


def canonical(value: object) -> str:
    """JSON that is the same for the same input, whoever wrote it."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)

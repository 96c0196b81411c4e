"""Bootstrapping that takes what an earlier window made of an example, and keeps what it makes itself."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.evaluate.examples import holding
from teleprompt.evaluate.score import example_key
from teleprompt.optimize.bootstrap_traces import BootstrapTrace, inputs_key
from teleprompt.program.fields import Json
from teleprompt.program.state import dump_state, read_demo, write_demo
from teleprompt.program.typed_fields import TypedFields
from teleprompt.program.value_type import UnreadableValueError
from teleprompt.records import Digest


class Bootstraps:
    """The traces of earlier windows, and where new ones go."""

    def __init__(
        self,
        typed: TypedFields,
        before: Sequence[BootstrapTrace] = (),
        *,
        keep: Callable[[BootstrapTrace], None] = lambda _trace: None,
    ) -> None:
        self.reused: set[Digest] = set()
        """Examples that the teacher was not asked about, or less often."""
        self._typed = typed
        self._before = {(trace.teacher, trace.example): trace for trace in before}
        self._keep = keep
        self._teacher: tuple[Any, Digest | None, tuple[Digest, ...]] = (None, None, ())

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Where DSPy's BootstrapFewShot goes by them, whichever optimizer calls it."""
        from dspy.teleprompt import BootstrapFewShot

        as_shipped = BootstrapFewShot._bootstrap_one_example  # noqa: SLF001 - the one place that all of it passes

        def one(optimizer: Any, example: Any, round_idx: int = 0) -> bool:
            return self._one(optimizer, example, round_idx, lambda: as_shipped(optimizer, example, round_idx))

        BootstrapFewShot._bootstrap_one_example = one  # noqa: SLF001
        try:
            yield
        finally:
            BootstrapFewShot._bootstrap_one_example = as_shipped  # noqa: SLF001

    def _one(self, optimizer: Any, example: Any, turn: int, ask: Callable[[], bool]) -> bool:
        """Whether the teacher's answer of that turn, from 0, is good; its demonstrations are noted in the optimizer."""
        state, shown = self._teacher_of(optimizer)
        key = example_key(example)
        known = None if state is None else self._before.get((state, key))
        if known is not None and turn < known.tries:
            self.reused.add(key)
            return False
        traces: dict[str, list[Any]] = optimizer.name2traces
        if known is not None and known.demos and known.demos.keys() <= traces.keys():
            for name, demos in known.demos.items():
                traces[name].extend(_read(demos, optimizer.student, name))
            self.reused.add(key)
            self._keep(known)  # it was needed: how long it is kept counts from now
            return True
        already, errors = {name: len(made) for name, made in traces.items()}, optimizer.error_count
        is_good = ask()
        if state is None:
            return is_good
        made = {name: demos[already[name] :] for name, demos in traces.items() if len(demos) > already[name]}
        written = _written(made, optimizer.student) if is_good else {}
        if written if is_good else optimizer.error_count == errors:  # an error may be gone by then
            tries = 0 if is_good else turn + 1
            self._keep(BootstrapTrace(example=key, teacher=state, shown=shown, demos=written or {}, tries=tries))
        return is_good

    def _teacher_of(self, optimizer: Any) -> tuple[Digest | None, tuple[Digest, ...]]:
        """Its state without what it is shown of the examples at hand, and the inputs of all that it is shown.

        None for one that is shown something of which nobody can say what it was asked.
        """
        of, state, shown = self._teacher
        if of is not optimizer.teacher:
            state, shown = self._examined(optimizer.teacher, optimizer.trainset)
            self._teacher = (optimizer.teacher, state, shown)
        return state, shown

    def _examined(self, teacher: Any, examples: Sequence[Any]) -> tuple[Digest | None, tuple[Digest, ...]]:
        at_hand = {id(example) for example in examples}
        demos = [demo for predictor in teacher.predictors() for demo in predictor.demos]
        shown = [self._asked(demo) for demo in demos]
        if None in shown:
            return None, ()
        bare = teacher.deepcopy()
        for own, copy in zip(teacher.predictors(), bare.predictors(), strict=True):
            copy.demos = [demo for demo in own.demos if id(demo) not in at_hand]
        return sha256_hex(dump_state(bare)), tuple(sorted({key for key in shown if key is not None}))

    def _asked(self, demo: Mapping[str, Any]) -> Digest | None:
        """What the call was asked that a demonstration comes from."""
        fields = self._typed.fields
        said = {field.name for field in fields.inputs if field.name in demo}
        if {field.name for field in fields.inputs if field.required} - said or not said:
            return None
        try:
            return inputs_key(fields, {name: self._typed.inputs[name].write(demo[name]) for name in said})
        except (UnreadableValueError, ValueError, TypeError):
            return None


def _written(made: Mapping[str, Sequence[Any]], student: Any) -> dict[str, tuple[dict[str, Json], ...]] | None:
    """The demonstrations as JSON; None where one would not be read back as it is."""
    predictors = dict(student.named_predictors())
    written = {}
    for name, demos in made.items():
        own = tuple(write_demo(demo, predictors[name]) for demo in demos)
        if any(write_demo(read_demo(demo, predictors[name]), predictors[name]) != demo for demo in own):
            return None
        written[name] = own
    return written


def _read(demos: Sequence[dict[str, Json]], student: Any, name: str) -> list[Any]:
    import dspy

    predictor = dict(student.named_predictors())[name]
    return [holding(dspy.Example(), read_demo(demo, predictor)) for demo in demos]

"""The score that a program's metric gives to one answer, for people who wonder why."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teleprompt.config.gate import JUDGE
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import holding
from teleprompt.evaluate.judging import Judging
from teleprompt.evaluate.metrics import COMPARING_METRICS
from teleprompt.evaluate.score import apply_metric
from teleprompt.program.channel import Channel
from teleprompt.program.fields import DeclaredFields, Json, ProgramFields
from teleprompt.program.process import run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.program.source import ProgramFile
from teleprompt.program.typed_fields import TypedFields
from teleprompt.program.value_type import UnreadableValueError
from teleprompt.records import Record, from_millionths


class AnswerScore(Record):
    """What the metric says of an answer."""

    score: float
    """In [0, 1]; a higher one is better."""
    fields: dict[str, float]
    """The agreement in each output field; of a metric of the user's, its named scores."""
    types: dict[str, str]
    """The type by which each field was read."""


@dataclass(frozen=True)
class AnswerScoreJob:
    """A logged answer and another one to the same call."""

    source: ProgramFile
    judging: Judging
    logged: Json
    given: Json

    title = "Scoring the answer"

    def run(self, channel: Channel) -> AnswerScore:
        """Do it.

        Raises:
            ConfigurationError: the logged answer is none of the program's.
        """
        del channel
        import dspy

        program = self.source.build()
        fields, logged, given = _of_program(program.signature.declared, self.logged, self.given)
        typed = program.typed(fields)
        labels = {name: _read(typed, name, value) for name, value in logged.items()}
        example = holding(dspy.Example(), labels).with_inputs()
        prediction = holding(dspy.Prediction(), given)
        objective = self.judging.build(typed, judge_lm=None)
        score, parts = apply_metric(objective, example, prediction)
        compare = COMPARING_METRICS.get(self.judging.gate.metric)
        return AnswerScore(
            score=from_millionths(score),
            fields=parts if compare is None else compare(typed)(example, prediction),
            types={name: type_.name for name, type_ in typed.outputs.items()},
        )


def score_answer(
    source: ProgramFile, judging: Judging, *, logged: Json, given: Json, config: ProgramProcessConfig
) -> AnswerScore:
    """How the program's metric scores the answer `given` where `logged` turned out well; no language model is asked.

    Raises:
        ConfigurationError: the metric asks one, or the logged answer is none of the program's.
        TelepromptError: the program cannot be built, or the metric fails.
    """
    if judging.gate.metric == JUDGE:
        raise ConfigurationError(
            "`gate.metric: judge` asks a language model, which this command does not; run the gate."
        )
    return run_in_process(
        AnswerScoreJob(source, judging, logged, given),
        AnswerScore,
        config=config,
        environment=process_environment(os.environ, more=config.environment),
        seconds=config.start_seconds,
    )


def _of_program(
    declared: DeclaredFields, logged: Json, given: Json
) -> tuple[ProgramFields, Mapping[str, Json], Mapping[str, Any]]:
    """The output fields that the logged answer holds, and both answers by field.

    A value that holds none of them is that of the only one.
    """
    held = list(logged) if isinstance(logged, dict) else []
    fields = declared.told(inputs=(), outputs=held).outputs
    compared = tuple(field for field in fields if field.name in held)
    if compared:
        if len(compared) == 1 and not isinstance(given, dict):
            given = {compared[0].name: given}
        if not isinstance(given, dict):
            raise ConfigurationError(
                "The answer that is given must be an object of output fields, as the logged one is."
            )
        return ProgramFields(inputs=(), outputs=compared), {f.name: logged[f.name] for f in compared}, given
    if not fields:
        fields = (declared.untold_output(),)
    if len(fields) > 1 or (isinstance(logged, dict) and fields[0].is_text):
        names = ", ".join(f"`{field.name}`" for field in fields)
        raise ConfigurationError(f"The logged answer holds none of the program's outputs ({names}).")
    (only,) = fields
    whole = given[only.name] if isinstance(given, dict) and only.name in given else given
    return ProgramFields(inputs=(), outputs=fields), {only.name: logged}, {only.name: whole}


def _read(typed: TypedFields, name: str, value: Json) -> Any:
    try:
        return typed.outputs[name].read(value)
    except UnreadableValueError:
        raise ConfigurationError(
            f"The logged `{name}` is no {typed.outputs[name].name}, so no answer could agree with it."
        ) from None

"""Which of a program's answers are left to chance, as whoever serves it finds it: a tag of the registered model."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from teleprompt.config.production import ExploreConfig
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient


EXPLORATION = "teleprompt.exploration"

Answer = str | int | bool


class Exploration(Record):
    """With a probability, another of the allowed answers is given, each as likely."""

    epsilon: Annotated[float, Field(gt=0, le=0.5)]
    output: str
    """The output field whose value is the answer."""
    answers: Annotated[tuple[Answer, ...], Field(min_length=2)]

    @classmethod
    def of(cls, explore: ExploreConfig, fields: ProgramFields) -> "Exploration":
        """What a program file asks for, of a program with these fields.

        Raises:
            ConfigurationError: the program has several outputs, or nothing says which answers are allowed.
        """
        if len(fields.outputs) != 1:
            names = ", ".join(f"`{field.name}`" for field in fields.outputs)
            raise ConfigurationError(
                f"`explore` chooses among the answers of one output, and the program has {names or 'none'}; name the "
                "one that is compared in `outputs`, or leave `explore` out."
            )
        (field,) = fields.outputs
        answers = explore.answers or _allowed(field.json_schema or {})
        if len(answers) < 2:
            raise ConfigurationError(
                f"`explore` has nothing to choose from: the type of `{field.name}` does not say which answers there "
                "are; declare a Literal, an Enum or a bool, or name them in `explore.answers`."
            )
        return cls(epsilon=explore.epsilon, output=field.name, answers=tuple(answers))


def _allowed(schema: dict[str, object]) -> tuple[Answer, ...]:
    if schema.get("type") == "boolean":
        return (False, True)
    found = schema.get("enum")
    reference = schema.get("$ref")
    definitions = schema.get("$defs")
    if found is None and isinstance(reference, str) and isinstance(definitions, dict):
        found = definitions.get(reference.rpartition("/")[2], {}).get("enum")
    return tuple(found) if isinstance(found, list) else ()


def keep_exploration(client: "MlflowClient", program: str, exploration: Exploration | None) -> None:
    """Tell whoever serves the program, within half a minute; None: no answer is left to chance."""
    now = exploration_of(client, program)
    if now == exploration:
        return
    if exploration is None:
        client.delete_registered_model_tag(program, EXPLORATION)
    else:
        client.set_registered_model_tag(program, EXPLORATION, exploration.to_stored())


def exploration_of(client: "MlflowClient", program: str) -> Exploration | None:
    """What is explored now.

    Raises:
        ValueError: the tag was written by hand, or by a later version.
    """
    kept = client.get_registered_model(program).tags.get(EXPLORATION)
    return Exploration.from_stored(kept) if kept else None

"""Commands whose modules are imported when they are asked for: `teleprompt gate` is not to wait for the others."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from teleprompt.errors import ConfigurationError


class CommandsOnDemand(TyperGroup):
    """A group of commands that a subclass names by their places."""

    places: ClassVar[Mapping[str, str]]
    """`module:name` of each command's function, or of the Typer of its commands, by what it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(self.places)  # type: ignore[assignment]  # nobody adds one


class _Commands(Mapping[str, Any]):
    """The commands by their names; listed are those that are installed."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, attribute = self._places[name].partition(":")
            if find_spec(module) is None:
                raise ConfigurationError(f"`{name}` is not installed; it is of teleprompt-airflow.")
            self._made[name] = _command(name, getattr(import_module(module), attribute))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, place in self._places.items() if find_spec(place.partition(":")[0]) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _command(name: str, place: typer.Typer | Callable[..., None]) -> Any:
    command: Any
    if isinstance(place, typer.Typer):
        command = get_group(place)
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name)(place)
        command = get_command(app)
    command.name = name
    return command

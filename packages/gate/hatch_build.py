"""Takes the gate's files from the sources of the whole project, which lie outside of this folder."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("../../include")


class CutGate(BuildHookInterface):
    """Puts the files of the hook's list into a wheel; an editable installation finds them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build."""
        if version == "standard":
            names = [f"teleprompt/{name}" for name in self.config["files"]]
            build_data["force_include"] |= {str(Path(self.root) / SOURCES / name): name for name in names}

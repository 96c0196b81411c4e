"""What people see while DAG runs are under way."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

DONE = frozenset({"success", "skipped", "failed", "upstream_failed", "removed"})


class RunProgress:
    """One line per program: redrawn in place on a terminal, printed at each change elsewhere."""

    def __init__(self, programs: list[str]) -> None:
        self._console = Console()
        self._lines = dict.fromkeys(programs, "traffic")
        self._live = Live(console=self._console, refresh_per_second=4) if self._console.is_terminal else None

    def __enter__(self) -> "RunProgress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, program: str, line: str) -> None:
        """Say where the program is."""
        if self._lines[program] == line:
            return
        self._lines[program] = line
        if self._live:
            self._live.update(Text("\n".join(f"  {name:<16} {text}" for name, text in self._lines.items())))
        else:
            self._console.print(f"  {program:<16} {line}", markup=False, highlight=False)


def describe(state: str, instances: list[dict[str, Any]]) -> str:
    """A run in a line: how many tasks are done and which one is under way."""
    states = Counter(instance["state"] or "none" for instance in instances)
    done = sum(count for name, count in states.items() if name in DONE)
    active = sorted({i["task_id"] for i in instances if i["state"] in {"running", "deferred"}})
    current = ", ".join(active) or state
    return f"{done:>2} of {len(instances)} tasks  {current}"

"""A bar of the pipeline's stages, for people who wait; on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from teleprompt.encoding.text import visible

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline


@contextmanager
def stage_bar(pipeline: "Pipeline", console: Console) -> Iterator[Callable[[str, int], None]]:
    """Give `Pipeline.run` what draws the bar; where no terminal is, that draws nothing."""
    if not console.is_terminal:
        yield lambda _name, _of: None
        return
    stage, detail = (TextColumn(field, markup=False) for field in ("{task.description}", "{task.fields[detail]}"))
    columns = (stage, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), detail)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, detail="")
        begun = 0

        def on_stage(name: str, of: int) -> None:
            nonlocal begun
            progress.update(task, description=name, completed=begun, total=of, detail="")
            begun += 1

        pipeline.watch = lambda text: progress.update(task, detail=visible(text))
        yield on_stage

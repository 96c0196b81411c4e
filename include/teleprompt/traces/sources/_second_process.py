"""A second process that reads spans of runs by MLflow's client.

Where the client reads a database itself, nearly all of its time is Python's, so another process reads beside this one.
"""

from typing import TYPE_CHECKING

from teleprompt.records import Record
from teleprompt.traces.sources._arrow_process import ArrowProcess, asker
from teleprompt.traces.sources._runs_client import RunsClientSource
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

START = f"from {__name__} import serve; serve()"


class SpanOfRuns(Record):
    """What is asked of the process."""

    experiment_ids: tuple[str, ...]
    page_size: int
    program: str
    span: Window


class SecondProcess(ArrowProcess):
    """Stays for the next program."""

    def __init__(self, tracking_uri: str) -> None:
        super().__init__(START, tracking_uri)

    def read(self, asked: SpanOfRuns) -> "list[pa.Table]":
        """The runs of one span, a page each.

        Raises:
            OSError, EOFError, pa.ArrowException: the process died on the way.
        """
        import pyarrow as pa

        return [pa.Table.from_batches([batch]) for batch in self.ask(asked.model_dump_json()).to_batches()]


def serve() -> None:
    """The process: it is told a tracking URI, and asked for spans."""
    from teleprompt.environment import configure_third_party
    from teleprompt.tracking.connection import mlflow_client

    configure_third_party()
    with asker() as parent, mlflow_client(parent.hello) as client:
        for line in parent.lines():
            asked = SpanOfRuns.model_validate(line)
            source = RunsClientSource(client, asked.experiment_ids, page_size=asked.page_size)
            with parent.answer(raw_schema()) as stream:
                for table in source.read(asked.program, asked.span):
                    stream.write_table(table)

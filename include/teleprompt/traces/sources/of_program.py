"""What a program file asks of the sources."""

from datetime import timedelta

from teleprompt.config.outcome import Missing, Partial
from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import Labels
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces.sources.call_span import CallShape
from teleprompt.traces.sources.choose import Store
from teleprompt.traces.sources.raw import TraceSource
from teleprompt.window import EARLIEST, Window


def program_sources(
    store: Store, config: ProgramConfig, *, declared: DeclaredFields | None = None
) -> list[TraceSource]:
    """The sources that hold the program's calls; its fields, where they are declared, tell them among other spans."""
    return store.sources(
        config.traces,
        outcomes=spans_need(config),
        page_size=config.optimization.batch_size,
        shape=call_shape(config, declared),
    )


def call_shape(config: ProgramConfig, declared: DeclaredFields | None) -> CallShape:
    """What tells the program's call among the spans of a trace."""
    if declared is None:
        return CallShape(span=config.traces.span)
    return CallShape(
        span=config.traces.span,
        inputs=tuple(field.name for field in declared.inputs),
        required=frozenset(field.name for field in declared.inputs if field.required),
        outputs=frozenset(field.name for field in declared.outputs if field.required),
    )


def spans_need(config: ProgramConfig) -> list[str]:
    """The metrics of which a trace needs one for its inputs and outputs to matter; none means they always do."""
    if config.outcome.missing is Missing.IMPUTE or config.traces.labels is Labels.EXPECTATION:
        return []
    required = config.outcome.metrics if config.outcome.partial is Partial.REWEIGHT else config.outcome.metrics[:1]
    return [metric.metric for metric in required]


def maturing(window: Window, config: ProgramConfig) -> Window:
    """When the calls started that mature in `window`."""
    start = max(window.start - config.outcome.maturity, EARLIEST)
    return Window(start=start, end=max(window.end - config.outcome.maturity, start + timedelta(milliseconds=1)))

"""What `dspy.Evaluate` saves: an example's fields, its prediction's, and the metric, in this order in each row.

Which fields are whose can be told where both have one of the same name: DSPy then calls them `example_…` and `pred_…`.
"""

from collections.abc import Sequence
from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.log import Document, Log, Sample, canonical
from teleprompt.score_files.table import shown

EXAMPLE, PREDICTION = "example_", "pred_"


def are_results(first: Document) -> bool:
    """Whether this is a row of what DSPy saves, and says which fields are the example's."""
    common = {name.removeprefix(EXAMPLE) for name in first if name.startswith(EXAMPLE)}
    return any(PREDICTION + name in first for name in common)


def read(path: Path, documents: Sequence[Document]) -> Log:
    """One answer a row. DSPy has no ids, so the example's fields name it.

    Raises:
        ConfigurationError: two rows have the same fields.
    """
    names = list(documents[0])
    last = max(at for at, name in enumerate(names) if name.startswith(EXAMPLE))
    fields = [name.removeprefix(EXAMPLE) for name in names[: last + 1]]
    samples = [_sample(number, row, fields, metric=names[-1]) for number, row in enumerate(documents, start=1)]
    seen: set[int | str] = set()
    for sample in samples:
        if sample.example in seen:
            raise ConfigurationError(
                f"{path} has the example {shown(str(sample.example))} twice, as far as it shows; name the column of "
                "the input by --id, and that of the score by --score."
            )
        seen.add(sample.example)
    return Log(path, "row", samples)


def _sample(number: int, row: Document, fields: Sequence[str], *, metric: str) -> Sample:
    """Where the program failed there is no prediction, and so no prefix."""
    about = {name: row[EXAMPLE + name] if EXAMPLE + name in row else row.get(name) for name in fields}
    return Sample(number=number, example=canonical(about), scores={metric: row.get(metric)}, about=about)

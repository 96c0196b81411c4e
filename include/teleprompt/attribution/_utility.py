"""What contributors' traces are worth together: how well the nearest of them answers examples of the select part.

A stand-in for the program, which would have to be compiled once for each coalition: it needs no language model, gives
the same figures each time, and works for strategies that show no traces to the model. For each select example and each
coalition the answer is that of the most similar train trace (cosine of TF-IDF vectors, Salton & Buckley 1988), scored
by its agreement with the output that turned out well. With one nearest neighbour (Jia et al. 2019 value data so) the
answers of all coalitions follow from one best trace per contributor. A contributor's own examples count like others':
without them whoever serves a niche alone would be worth nothing. So who lies consistently is worth something, too.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.metrics import agreement_of
from teleprompt.program.fields import ProgramFields
from teleprompt.records import MILLION, Record
from teleprompt.traces.row import TraceRow

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_array

    Matrix = np.ndarray[Any, np.dtype[np.float64]]
    Order = np.ndarray[Any, np.dtype[np.int64]]

BATCH = 10_000
"""Train traces that are compared with the examples at a time."""

MOST_EXAMPLES = 500
"""Select examples that are looked at, evenly spread in time."""


class Value(Record):
    """What a contributor adds, in millionths of the score, and the standard error of that over the examples."""

    value_e6: int
    error_e6: int


class NearestAnswers:
    """Per select example and contributor: how near the contributor's nearest trace is, and how good its answer."""

    def __init__(self, similarity: "Matrix", score: "Matrix", contributors: Sequence[str]) -> None:
        self._similarity = similarity
        self._score = score
        self.contributors = tuple(contributors)

    @classmethod
    def of(
        cls,
        train: Sequence[TraceRow],
        select: Sequence[TraceRow],
        *,
        fields: ProgramFields,
        holder_of: Callable[[TraceRow], str],
        contributors: Sequence[str],
    ) -> "NearestAnswers":
        """From the rows of both parts that turned out well.

        Raises:
            ConfigurationError: one of the parts is empty.
        """
        import numpy as np

        if not train or not select:
            raise ConfigurationError(
                "No trace of the train or select part turned out well, so traces cannot be valued by their answers; "
                "use `attribution.method: deduplicated_count`."
            )
        wanted = select[:: -(-len(select) // MOST_EXAMPLES)]
        texts = [" ".join(text for text in row.inputs.values() if text is not None) for row in (*train, *wanted)]
        vectors = _tf_idf(texts)
        questions = vectors[len(train) :]
        shape = (len(wanted), len(contributors))
        similarity, score = np.full(shape, -1.0), np.zeros(shape)
        for column, mine in enumerate(_rows_of_each(train, holder_of, contributors)):
            nearest: dict[int, int] = {}
            for start in range(0, len(mine), BATCH):
                _keep_nearer(questions, vectors, mine[start : start + BATCH], similarity[:, column], nearest)
            for line, i in nearest.items():
                score[line, column] = agreement_of(fields, wanted[line].outputs, train[i].outputs)
        return cls(similarity, score, contributors)

    def in_order(self) -> tuple["Order", "Matrix"]:
        """Per example the contributors, nearest first (of equally near ones as they are named), and their scores."""
        import numpy as np

        order = np.argsort(-self._similarity, axis=1, kind="stable")
        return order, np.take_along_axis(self._score, order, axis=1)


def _rows_of_each(
    rows: Sequence[TraceRow], holder_of: Callable[[TraceRow], str], contributors: Sequence[str]
) -> list[list[int]]:
    """For each contributor the places of their rows."""
    places: dict[str, list[int]] = {name: [] for name in contributors}
    for place, row in enumerate(rows):
        places[holder_of(row)].append(place)
    return list(places.values())


def _keep_nearer(
    questions: "csr_array", vectors: "csr_array", rows: Sequence[int], best: "Matrix", nearest: dict[int, int]
) -> None:
    """Raise `best` where one of `rows` is nearer to a question, and note which; of equal ones the first stays."""
    near = (questions @ vectors[rows].T).toarray()
    for line, column in enumerate(near.argmax(axis=1)):
        if near[line, column] > best[line]:
            best[line] = near[line, column]
            nearest[line] = rows[column]


def leave_one_out(answers: NearestAnswers) -> dict[str, Value]:
    """What is lost without each contributor: where theirs is the nearest answer, its lead over the next one."""
    import numpy as np

    order, scores = answers.in_order()
    added = np.zeros_like(scores)
    added[:, 0] = scores[:, 0] - (scores[:, 1] if scores.shape[1] > 1 else 0.0)
    return _values(answers, order, added)


def group_shapley(answers: NearestAnswers) -> dict[str, Value]:
    """What each contributor adds on average over all orders in which they could have come (Shapley 1953), exactly.

    A coalition's answer is its nearest member's, so that the values follow without a look at the coalitions (Jia et
    al. 2019, theorem 1, with one neighbour): with the contributors of an example from the nearest to the farthest and
    their scores `u`, the farthest of n is worth u[n] / n, and each other one (u[i] - u[i + 1]) / i more than the next.
    """
    import numpy as np

    order, scores = answers.in_order()
    rank = np.arange(1, scores.shape[1] + 1)
    steps = (scores - np.append(scores[:, 1:], np.zeros((len(scores), 1)), axis=1)) / rank
    return _values(answers, order, steps[:, ::-1].cumsum(axis=1)[:, ::-1])


def _values(answers: NearestAnswers, order: "Order", added: "Matrix") -> dict[str, Value]:
    """By contributor, from what each adds to an example, nearest first."""
    import numpy as np

    own = np.zeros_like(added)
    np.put_along_axis(own, order, added, axis=1)
    return {name: _value(own[:, column]) for column, name in enumerate(answers.contributors)}


def _value(added: "Matrix") -> Value:
    """The mean over the examples, and its standard error."""
    spread = float(added.std(ddof=1)) if len(added) > 1 else 0.0
    return Value(
        value_e6=round(float(added.mean()) * MILLION), error_e6=round(spread / math.sqrt(len(added)) * MILLION)
    )


def _tf_idf(texts: Sequence[str]) -> "csr_array":
    """Rows of unit length, one for each text."""
    import numpy as np
    from scipy.sparse import csr_array

    counts = [Counter(normalised_text(text).split()) for text in texts]
    found_in = Counter(word for words in counts for word in words)
    column = {word: i for i, word in enumerate(sorted(found_in))}
    rarity = {word: 1 + math.log((1 + len(texts)) / (1 + n)) for word, n in found_in.items()}
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for words in counts:
        weights = {column[word]: n * rarity[word] for word, n in words.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        columns.extend(weights)
        values.extend(weight / length for weight in weights.values())
        ends.append(len(columns))
    return csr_array(
        (np.array(values), np.array(columns, dtype=np.int64), np.array(ends)), shape=(len(texts), len(column))
    )

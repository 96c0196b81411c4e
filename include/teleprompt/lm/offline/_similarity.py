"""Cosine similarity of short texts by words, rare words weighing more."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "i",
        "in",
        "is",
        "it",
        "my",
        "of",
        "on",
        "or",
        "our",
        "the",
        "to",
        "we",
        "with",
        "you",
        "your",
    ]
)


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[str, ...]:
    """Lower-case words without stop words, plurals cut."""
    found = (word.casefold() for word in _WORD.findall(text))
    return tuple(w[:-1] if len(w) > 3 and w.endswith("s") else w for w in found if w not in _STOP)


def similarities(query: str, documents: Sequence[str]) -> list[float]:
    """TF-IDF cosine in [0, 1] between `query` and each of `documents`; IDF over the documents."""
    counts = [Counter(words(document)) for document in documents]
    frequency = Counter(word for count in counts for word in count)
    idf = {word: math.log(1 + len(documents) / n) for word, n in frequency.items()}
    asked = _weighted(Counter(words(query)), idf)
    return [_cosine(asked, _weighted(count, idf)) for count in counts]


def overlap(text: str, cue: str) -> float:
    """Share of the words of `text` that stand in `cue`, in [0, 1]."""
    own, wanted = words(text), set(words(cue))
    return sum(word in wanted for word in own) / len(own) if own else 0.0


def _weighted(counts: Mapping[str, int], idf: Mapping[str, float]) -> dict[str, float]:
    return {word: n * idf.get(word, 0.0) for word, n in counts.items()}


def _cosine(left: Mapping[str, float], right: Mapping[str, float]) -> float:
    dot = sum(weight * right.get(word, 0.0) for word, weight in left.items())
    if not dot:
        return 0.0
    norms = math.sqrt(sum(w * w for w in left.values()) * sum(w * w for w in right.values()))
    return dot / norms

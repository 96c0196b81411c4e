"""Answers of language models, kept while work is under way: whoever takes it up again pays for none twice."""

import hashlib
import logging
import threading
from collections import defaultdict, deque
from typing import Any

from teleprompt.lm.meter import Answered, Meter
from teleprompt.storage.journal import Journal

log = logging.getLogger(__name__)


class AnswerJournal:
    """Gives out the answers of an earlier try, in the order in which the same request was answered then.

    A request is known by its digest; neither it nor a key is kept. So work that asks the same things in the same order
    ends as it would have without the interruption, whatever the temperature.
    """

    def __init__(self, journal: Journal, meter: Meter) -> None:
        self._journal = journal
        self._meter = meter
        self._lock = threading.Lock()
        self._told = False
        self._kept: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for entry in journal.read():
            if "failed" in entry:
                meter.failed(entry["failed"], kept=True)
            else:
                meter.answered(Answered(entry["in"], entry["out"], entry["cost_e6"]), kept=True)
                self._kept[entry["request"]].append(entry)

    def take(self, request: Any) -> Any:
        """The kept `dspy.lm15.Response` to a request, or None; each is given out once."""
        with self._lock:
            waiting = self._kept.get(_digest(request))
            entry = waiting.popleft() if waiting else None
        if entry is None:
            return None
        self._meter.reused()
        from dspy._vendor.lm15.serde import response_from_dict

        return response_from_dict(entry["response"])

    def keep(self, request: Any, response: Any, answered: Answered) -> None:
        """Keep an answer. One that cannot be kept is paid for and used all the same."""
        from dspy._vendor.lm15.serde import response_to_dict

        self._append(
            {
                "request": _digest(request),
                "response": response_to_dict(response),
                "in": answered.tokens_in,
                "out": answered.tokens_out,
                "cost_e6": answered.cost_e6,
            }
        )

    def keep_failure(self, kind: str) -> None:
        """Keep that a request was sent in vain."""
        self._append({"failed": kind})

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            self._journal.append(entry)
        except Exception as error:  # noqa: BLE001 - whatever the storage raises
            if not self._told:
                log.warning("Answers cannot be kept for a retry (%s); look at the storage.", type(error).__name__)
            self._told = True


def _digest(request: Any) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()  # frozen dataclasses all the way down

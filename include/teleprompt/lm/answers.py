"""Answers of language models, kept while work is under way: whoever takes it up again pays for none twice."""

import hashlib
import threading
from collections import defaultdict, deque
from typing import Any

from include.teleprompt.journal import Journal
from include.teleprompt.lm.meter import Answered, Meter


class AnswerJournal:
    """Gives out the answers of an earlier try, in the order in which the same request was answered then.

    A request is known by its digest; neither it nor a key is kept. So work that asks the same things in the same order
    ends as it would have without the interruption, whatever the temperature.
    """

    def __init__(self, journal: Journal, meter: Meter) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._kept: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for entry in journal.read():
            if "failed" in entry:
                meter.failed(entry["failed"], kept=True)
            else:
                self._kept[entry["request"]].append(entry)

    def take(self, request: Any, meter: Meter) -> Any:
        """The kept `dspy.lm15.Response` to a request, or None; each is given out once."""
        with self._lock:
            waiting = self._kept.get(_digest(request))
            entry = waiting.popleft() if waiting else None
        if entry is None:
            return None
        meter.answered(Answered(entry["in"], entry["out"], entry["cost_e6"]), kept=True)
        return _response(entry)

    def keep(self, request: Any, response: Any, answered: Answered) -> None:
        """Keep an answer, if it is all text: only then can it be given out again as it was."""
        if any(part.type != "text" for part in response.message.parts):
            return
        self._journal.append(
            {
                "request": _digest(request),
                "model": response.model,
                "text": response.message.text,
                "finish": response.finish_reason,
                "in": answered.tokens_in,
                "out": answered.tokens_out,
                "cost_e6": answered.cost_e6,
            }
        )

    def keep_failure(self, kind: str) -> None:
        """Keep that a request was sent in vain."""
        self._journal.append({"failed": kind})


def _digest(request: Any) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()  # frozen dataclasses all the way down


def _response(entry: dict[str, Any]) -> Any:
    from dspy.lm15 import Message, Response, Usage

    usage = Usage(input_tokens=entry["in"], output_tokens=entry["out"], total_tokens=entry["in"] + entry["out"])
    message = Message.assistant(entry["text"])
    return Response(id=None, model=entry["model"], message=message, finish_reason=entry["finish"], usage=usage)

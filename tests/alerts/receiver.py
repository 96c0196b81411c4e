"""A real HTTP receiver on loopback, which answers as it is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Exchange, answering, serving


@dataclass
class Receiver:
    """What came in, and the statuses it answers with: one after the other, then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(Exchange):
        def respond(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append((headers, self.body()))
            self.answer(receiver.statuses.pop(0) if receiver.statuses else 204)

    with serving(answering(Handler)) as address:
        receiver.url = f"{address}/hook"
        yield receiver

"""The process that runs program code: `python -m teleprompt.program.worker BYTES`, its limit of memory.

A pickled `Job` comes in on standard input, which then stays open: when it closes, the parent is gone, and this process
and all that it started end at once. Lines of JSON go out on standard output: `{"log": [level, logger, text]}`,
`{"said": {…}}`, `{"step": true}`, and at last `{"result": …}` or `{"error": {…}}`.
"""

import logging
import os
import pickle
import resource
import signal
import struct
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType

from teleprompt.environment import configure_third_party
from teleprompt.errors import InternalError, ProgramMemoryError, TelepromptError
from teleprompt.program.channel import Channel, Job

HEAD = struct.Struct("!Q")
"""Length of the pickled job."""

GIB = 2**30
OURS = Path(__file__).resolve().parents[1]
RESERVED = 2 * GIB
"""What threads and allocators reserve and never touch counts for the system as allocated."""


class _Ended(BaseException):
    """Somebody asked this process to end."""


def main() -> None:
    """Do what standard input says."""
    memory = int(sys.argv[1])
    _limit(memory)
    channel = Channel(os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever libraries print must not get between
    lifeline = os.dup(sys.stdin.fileno())
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())  # a program that reads it must not wait for ever
    signal.signal(signal.SIGTERM, _leave)
    configure_third_party()
    logging.getLogger("teleprompt").addHandler(channel)
    logging.getLogger("teleprompt").setLevel(logging.INFO)
    (length,) = HEAD.unpack(_read(lifeline, HEAD.size))
    pickled = _read(lifeline, length)
    threading.Thread(target=_end_with_parent, args=(lifeline, channel), name="lifeline", daemon=True).start()
    message = _message_of(pickled, channel, memory)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "error" in message:
        channel.tell_spent()
    channel.send(**message)
    os._exit(0)  # all is kept and said; a thread that still waits for an answer must not hold this up


def _message_of(pickled: bytes, channel: Channel, memory: int) -> dict[str, object]:
    title = "Reading the program"
    try:
        job: Job = pickle.loads(pickled)  # noqa: S301 - our parent's
        title = job.title
        return {"result": job.run(channel).model_dump(mode="json")}
    except _Ended:
        raise
    except TelepromptError as error:
        return {"error": error.as_json()}
    except MemoryError:
        return {"error": ProgramMemoryError(title, memory / GIB).as_json()}
    except BaseException as error:  # noqa: BLE001 - `sys.exit()` in a program, too: the parent tells what it was
        return {"error": _unexpected(title, error).as_json()}


def _unexpected(title: str, error: BaseException) -> TelepromptError:
    """What is said of an error that is none of ours: whose code it came from, and nothing that it may quote."""
    place = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    kind = InternalError if OURS in place.parents else TelepromptError
    advice = "report it" if kind is InternalError else "correct that file"
    return kind(f"{title} failed in {place.name} ({type(error).__name__}); {advice}.")


def _limit(memory: int) -> None:
    """No allocation far beyond `memory`, which the parent looks at; and no dump of this process, which holds keys."""
    memory += RESERVED
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise _Ended  # journals are closed on the way out


def _read(lifeline: int, size: int) -> bytes:
    """So many bytes; unbuffered, as Python cannot end while a thread waits in a buffer."""
    data = bytearray()
    while len(data) < size:
        more = os.read(lifeline, size - len(data))
        if not more:
            raise SystemExit(1)  # the parent is gone already
        data += more
    return bytes(data)


def _end_with_parent(lifeline: int, channel: Channel) -> None:
    os.read(lifeline, 1)
    for kept in channel.to_close:
        with suppress(Exception):
            kept.close()
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()

"""Python processes that are forked from one that has imported much, instead of importing it for seconds each.

A fork has the arguments, the folder, the environment, the search path and the open files that a process of its own
would have. It shares what was imported before, so tests of what processes share, inherit or import start real ones.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import Any, NoReturn

WORKER = "teleprompt.program.worker:main"
WORKER_MODULES = (
    "dspy", "teleprompt.evaluate.answer_score", "teleprompt.evaluate.describe", "teleprompt.optimize._job",
    "teleprompt.pipeline._load_check",
)  # fmt: skip
"""What processes of program code import, for more than half a second each."""

NUMBER = struct.Struct("!i")

COMMAND = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    socket.send_fds(door, [b" "], [0, 1, 2])
    door.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode())
    door.shutdown(socket.SHUT_WR)
    door.recv(4, socket.MSG_WAITALL)
    sys.exit(int.from_bytes(door.recv(4, socket.MSG_WAITALL), "big"))
"""


@contextmanager
def forking(folder: Path, function: str, modules: Sequence[str]) -> Iterator[Path]:
    """The door to a process that has imported `modules` and forks for each call of `module:function`."""
    door = folder / "door"
    command = [sys.executable, __file__]  # named after none of what it becomes: some tests look for that
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(door), function, list(modules)]).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline(), f"{command} ended"
        yield door
        process.stdin.close()


def write_command(file: Path, door: Path) -> None:
    """An executable file that calls the function with its own arguments."""
    file.write_text(COMMAND.format(python=sys.executable, door=str(door)))
    file.chmod(0o755)


@contextmanager
def program_code_in_forks(door: Path) -> Iterator[None]:
    """Program code runs in forks of the process behind the door, one of `WORKER`."""
    from teleprompt.program import process

    names = SimpleNamespace(Popen=partial(Forked, door), PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
    process.subprocess = names  # type: ignore[attr-defined]
    try:
        yield
    finally:
        process.subprocess = subprocess  # type: ignore[attr-defined]


class Forked:
    """As much of `subprocess.Popen` as is made use of, for `python -m module arguments` with pipes, in its session."""

    def __init__(
        self, door: Path, args: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, start_new_session: bool,
        stdin: int, stdout: int, stderr: int,
    ) -> None:  # fmt: skip
        assert start_new_session
        assert {stdin, stdout, stderr} == {subprocess.PIPE}
        self.args = args
        self.returncode: int | None = None
        pipes = [os.pipe() for _ in range(3)]
        self.stdin = os.fdopen(pipes[0][1], "wb")
        self.stdout, self.stderr = (os.fdopen(pipe[0], "rb") for pipe in pipes[1:])
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        self._caller = socket.socket(socket.AF_UNIX)
        self._caller.connect(str(door))
        socket.send_fds(self._caller, [b" "], theirs)
        for file in theirs:
            os.close(file)
        self._caller.sendall(json.dumps([args[2:], str(cwd or Path.cwd()), dict(env)]).encode())
        self._caller.shutdown(socket.SHUT_WR)
        self.pid = self._number()

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """How it ended."""
        if self.returncode is None:
            if not select([self._caller], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._number()
            self._caller.close()
        return self.returncode

    def _number(self) -> int:
        return int(NUMBER.unpack(self._caller.recv(NUMBER.size, socket.MSG_WAITALL))[0])


def main() -> None:
    """Fork for whoever calls at the door, until standard input is closed."""
    place, function, modules = json.loads(sys.stdin.buffer.raw.readline())
    del sys.path[0]  # this folder
    from teleprompt.environment import configure_third_party

    configure_third_party()
    for module in modules:
        import_module(module)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        print("ready", flush=True)
        while sys.stdin not in select([door, sys.stdin], [], [])[0]:
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _attend(caller, function)
            caller.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _attend(caller: socket.socket, function: str) -> NoReturn:
    """Fork, and say how that process ended; it says itself who it is."""
    _, files, *_ = socket.recv_fds(caller, 1, 3)
    said = b"".join(iter(lambda: caller.recv(2**16), b""))
    pid = os.fork()
    if pid == 0:
        os.setsid()
        caller.sendall(NUMBER.pack(os.getpid()))
        caller.close()
        _become(files, *json.loads(said), function)
    for file in files:
        os.close(file)
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # who called may be gone
        caller.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(files: list[int], arguments: list[str], folder: str, environment: dict[str, str], name: str) -> NoReturn:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = arguments
    module, _, function = name.partition(":")
    status: Any = 1
    try:
        status = getattr(import_module(module), function)() or 0
        sys.stdout.flush()
    except SystemExit as end:
        status = end.code or 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()

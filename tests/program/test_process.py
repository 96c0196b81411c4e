"""A process for program code: whatever the code does, the caller gets a record or one sentence, and nothing stays."""

import logging
import os
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from teleprompt.config.files import ProgramFileError
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.errors import (
    ProgramInterruptedError,
    ProgramMemoryError,
    ProgramTimeoutError,
    TelepromptError,
)
from teleprompt.program.channel import Channel
from teleprompt.program.process import one_line, run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.records import Record


class Said(Record):
    """What the code left in `said`."""

    said: Any


@dataclass(frozen=True)
class Act:
    """Runs any code, as a program file may hold it."""

    code: str
    title: str = field(default="Acting")

    def run(self, channel: Channel) -> Said:
        names: dict[str, Any] = {"channel": channel, "said": None}
        exec(compile(self.code, "hostile.py", "exec"), names)
        return Said(said=names["said"])


def act(code: str, *, seconds: float = 20, memory_gb: float = 1, **more: Any) -> Any:
    config = ProgramProcessConfig(memory_gb=memory_gb)
    environment = more.pop("environment", process_environment(os.environ))
    return run_in_process(
        Act(textwrap.dedent(code)), Said, config=config, environment=environment, seconds=seconds, **more
    ).said


def ours(marker: str) -> list[psutil.Process]:
    """Living processes that were started with the marker among their arguments."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("import sys; sys.exit(3)", TelepromptError, r"^Acting failed in hostile.py \(SystemExit\)"),
        ("class Odd(BaseException): pass\nraise Odd('a text')", TelepromptError, r"failed in hostile.py \(Odd\)"),
        ("raise KeyboardInterrupt", TelepromptError, r"failed in hostile.py \(KeyboardInterrupt\)"),
        ("import os; os._exit(7)", TelepromptError, r"ended by the program's own code \(exit code 7\)"),
        ("import os; os.kill(os.getpid(), 11)", ProgramInterruptedError, r"^Acting ended early \(SIGSEGV\)"),
        ("import os; os.kill(os.getpid(), 9)", ProgramInterruptedError, r"^Acting ended early \(SIGKILL\)"),
        ("x = b'x' * (8 << 30)", ProgramMemoryError, "needs more than 1 GiB of memory"),
        ("import os; os.close(0); os.close(1); os.close(2); os._exit(1)", TelepromptError, "exit code 1"),
    ],
)
def test_however_the_code_ends_it_is_one_sentence(code: str, kind: type[TelepromptError], text: str) -> None:
    with pytest.raises(kind, match=text) as raised:
        act(code)
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)
    assert "a text" not in str(raised.value)


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(99)",
        "import sys\nwhile True: print('x' * 9999); print('y' * 9999, file=sys.stderr)",
        "while True: channel.send(log=[50, 'root', 'a text'])",
        "import os\nwhile True: os.write(channel._pipe.fileno(), b'x' * 999 + b'\\n')",
    ],
    ids=["busy", "deaf", "prints", "talks", "babbles"],
)
def test_an_endless_program_is_ended(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teleprompt.program.process.GRACE_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(ProgramTimeoutError, match="Acting was ended after 2 seconds without a result"):
        act(code, seconds=2)
    assert time.monotonic() - began < 10


def test_the_time_begins_anew_with_every_step() -> None:
    assert act("import time\nfor _ in range(8): time.sleep(1); channel.step()\nsaid = 'done'", seconds=6) == "done"


@pytest.mark.parametrize("away", ["pass", "os.setpgid(0, 0)"], ids=["in the group", "in a group of its own"])
def test_what_the_program_started_ends_with_it(away: str, tmp_path: Path) -> None:
    marker = str(tmp_path)
    assert act(
        f"""
        import os, subprocess, sys, time
        code = "import os, time; {away}; open(sys.argv[1] + '/up', 'w').close(); time.sleep(99)"
        subprocess.Popen([sys.executable, "-c", "import sys; " + code, {marker!r}])
        while not os.path.exists({marker!r} + "/up"): time.sleep(0.01)
        said = "started"
        """
    )
    assert not ours(marker)


def test_a_program_that_multiplies_is_ended() -> None:
    with pytest.raises(TelepromptError, match=r"more than 256 processes|more than 1 GiB|failed in"):
        act("import os, time\nfor _ in range(400):\n    if not os.fork(): time.sleep(99)\ntime.sleep(99)")


def test_the_memory_of_all_that_the_program_started_counts() -> None:
    with pytest.raises(ProgramMemoryError, match=r"needs more than 0\.4 GiB"):
        act(
            """
            import subprocess, sys, time
            for _ in range(3): subprocess.Popen([sys.executable, "-c", "x = b'x' * (200 << 20); input()"], stdin=-1)
            time.sleep(99)
            """,
            memory_gb=0.4,
        )


def test_the_process_gets_what_is_allowed_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        name: f"s3cret-{number}"
        for number, name in enumerate(
            (
                "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
                "AIRFLOW_CONN_TELEPROMPT_SIGNER", "AIRFLOW_CONN_MLFLOW_DEFAULT", "MLFLOW_TRACKING_URI",
                "MLFLOW_TRACKING_PASSWORD", "MLFLOW_BACKEND_STORE_URI", "TELEPROMPT_SIGNER__PASSWORD",
                "AIRFLOW_CONN_TELEPROMPT_PAYER", "TELEPROMPT_PAYER__PASSWORD",
                "TELEPROMPT_LM__API_KEY", "TELEPROMPT_WEB3__URL", "AWS_SECRET_ACCESS_KEY", "POSTGRES_PASSWORD",
                "OPENAI_API_KEY", "SOMETHING_ELSE",
            )
        )
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    open_file = (tmp_path / "secret").open("w")
    os.set_inheritable(open_file.fileno(), True)
    seen = act(
        """
        import os
        files = []
        for name in os.listdir("/proc/self/fd"):
            try: files.append(os.readlink("/proc/self/fd/" + name))
            except OSError: pass
        said = [dict(os.environ), open("/proc/self/environ").read(), files, open("/proc/self/cmdline").read()]
        """
    )
    open_file.close()
    assert "s3cret" not in str(seen)
    assert seen[0]["PATH"] == os.environ["PATH"]
    assert str(tmp_path) not in str(seen[2])


def test_a_program_that_logs_to_mlflow_does_not_log_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://production:5000")
    where = act("import os; said = os.environ['MLFLOW_TRACKING_URI']")
    assert where.startswith("sqlite:///")
    assert not Path(where.removeprefix("sqlite:///")).parent.exists()


def test_a_program_that_asks_for_input_gets_none() -> None:
    with pytest.raises(TelepromptError, match=r"failed in hostile.py \(EOFError\)"):
        act("input()")


def test_prints_and_forged_lines_get_between_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        said = act(
            """
            import logging, os, sys
            print('{"result": {"said": "forged"}}')
            os.system("echo '{\\"error\\": 1}'")
            os.write(channel._pipe.fileno(), b'no json\\n[1]\\n{"log": 1}\\n{"log": [50, "root", "root"]}\\n')
            logging.getLogger("teleprompt.x").warning("one\\x1b[31m line\\nanother")
            logging.getLogger("mine").error("mine")
            said = "true"
            """
        )
    assert said == "true"
    assert [record.getMessage() for record in caplog.records] == ["one [31m line another"]


def test_what_the_job_says_on_the_way_is_heard() -> None:
    heard: list[dict[str, Any]] = []
    act("channel.say(a=1); channel.say(b=[2])", on_said=heard.append)
    assert heard == [{"a": 1}, {"b": [2]}]


def test_errors_of_ours_keep_their_kind_and_what_they_say() -> None:
    with pytest.raises(ProgramFileError, match=r"p\.yaml:3: `key`: is wrong") as raised:
        act(
            "from pathlib import Path\nfrom teleprompt.config.files import ProgramFileError\n"
            "raise ProgramFileError(Path('p.yaml'), 'is wrong', key='key', line=3)"
        )
    assert (raised.value.key, raised.value.line) == ("key", 3)


def test_a_kind_of_error_that_is_none_of_ours_is_the_plain_one_on_one_line() -> None:
    for kinds in (["SystemExit"], ["json", 1, None], "Exception", ["\n"], None):
        assert type(TelepromptError.from_json(kinds, "x", {})) is TelepromptError
    assert one_line("a\nb\x1b]0;c\u202e " + "d" * 9999).startswith("a b ]0;c d")
    assert len(one_line("d" * 9999)) < 700


def test_a_result_of_another_form_is_no_result() -> None:
    with pytest.raises(TelepromptError, match="Acting gave no usable answer"):
        act("channel.send(result={'other': 1}); import time; time.sleep(9)")

"""Signed requests, verified by the format's own library; and what becomes of those that nobody takes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from teleprompt.alerts.alert import Alert
from teleprompt.alerts.webhook import Target, WebhookError, dead_letters, deliver
from teleprompt.config.alerts import AlertEvent
from teleprompt.errors import TelepromptError
from tests.alerts.receiver import Receiver, receiving
from tests.support import fenced_blocks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as own:
        yield own


def target(receiver: Receiver) -> Target:
    return Target(name="hook", url=SecretStr(receiver.url), secret=SecretStr(SECRET))


def alert(cause: str = "run 1") -> Alert:
    return Alert(
        event=AlertEvent.DELTAONE,
        program="shelves",
        text="DeltaOne: +3.10 points, „ré“",
        cause=cause,
        at=datetime(2026, 11, 22, tzinfo=UTC),
        facts={"delta_points": 3.1},
    )


def send(receiver: Receiver, folder: Path, cause: str = "run 1") -> None:
    deliver(target(receiver), alert(cause), storage_uri=str(folder), wait_seconds=0.001)


def test_a_receiver_verifies_what_it_got_with_the_standard_library_of_the_format(
    receiver: Receiver, tmp_path: Path
) -> None:
    send(receiver, tmp_path)
    ((headers, body),) = receiver.requests
    verified = Webhook(SECRET).verify(body, headers)
    assert (verified["type"], verified["program"]) == ("teleprompt.deltaone", "shelves")
    assert (verified["text"], verified["facts"]) == (alert().text, {"delta_points": 3.1})
    for changed in (body.replace(b"+3.10", b"+9.10"), body + b" "):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(changed, headers)
    for name, value in (("webhook-id", "alert_other"), ("webhook-timestamp", "1700000000")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, {**headers, name: value})


def test_a_receiver_that_stumbles_gets_the_same_alert_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [500, 429, 503]
    send(receiver, tmp_path)
    assert len(receiver.requests) == 4
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {alert().alert_id}
    assert dead_letters(str(tmp_path)) == []


def test_what_nobody_takes_is_kept_and_sent_with_the_next_alert(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [500] * 10
    for cause in ("run 1", "run 2"):
        with pytest.raises(WebhookError, match="hook answers 500 instead of 2xx"):
            send(receiver, tmp_path, cause)
    kept = dead_letters(str(tmp_path))
    assert [letter.alert.cause for letter in kept] == ["run 1", "run 2"]
    files = [file.read_text() for file in (tmp_path / "dead_letters").iterdir()]
    assert not any(SECRET in text or receiver.url in text for text in files)

    del receiver.requests[:]
    send(receiver, tmp_path, "run 3")
    assert [body["cause"] for body in receiver.bodies] == ["run 3", "run 1", "run 2"]
    assert dead_letters(str(tmp_path)) == []


def test_a_receiver_that_is_away_is_named_without_its_url(tmp_path: Path) -> None:
    away = Target(name="hook", url=SecretStr("http://127.0.0.1:9/?key=secret"), secret=SecretStr("s"))
    with pytest.raises(WebhookError, match="hook does not answer") as raised:
        deliver(away, alert(), storage_uri=str(tmp_path), wait_seconds=0.001)
    assert "secret" not in str(raised.value)
    assert len(dead_letters(str(tmp_path))) == 1


def test_the_documented_receiver_works(receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    send(receiver, tmp_path)
    ((headers, body),) = receiver.requests
    (text,) = fenced_blocks("docs/alerts.md", "python")
    exec(compile(text, "docs/alerts.md", "exec"), {"secret": SECRET, "headers": headers, "body": body})
    assert capsys.readouterr().out.startswith("teleprompt.deltaone shelves DeltaOne")


def test_one_letter_that_the_receiver_does_not_want_hinders_no_other(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [500] * 15
    for cause in ("run 1", "run 2", "run 3"):
        with pytest.raises(WebhookError):
            send(receiver, tmp_path, cause)
    (tmp_path / "dead_letters/0_garbled.json").write_text("{")
    receiver.statuses = [204, 400]
    send(receiver, tmp_path, "run 4")
    assert [letter.alert.cause for letter in dead_letters(str(tmp_path))] == ["run 1"]


def test_a_secret_of_any_text_signs_with_its_bytes(receiver: Receiver, tmp_path: Path) -> None:
    own = target(receiver).model_copy(update={"secret": SecretStr("not base64!")})
    deliver(own, alert(), storage_uri=str(tmp_path), wait_seconds=0.001)
    ((headers, body),) = receiver.requests
    assert Webhook(b"not base64!").verify(body, headers)["program"] == "shelves"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://127.0.0.1:port", "s"),
        ("http://127.0.0.1:9", "whsec_not base64"),
        ("http://127.0.0.1:9", "whsec_"),
        ("http://127.0.0.1:9", ""),
        ("nowhere", "s"),
    ],
)
def test_a_connection_that_cannot_work_keeps_the_alert(tmp_path: Path, url: str, secret: str) -> None:
    own = Target(name="hook", url=SecretStr(url), secret=SecretStr(secret))
    with pytest.raises(TelepromptError):
        deliver(own, alert(), storage_uri=str(tmp_path), wait_seconds=0.001)
    assert len(dead_letters(str(tmp_path))) == 1


def test_a_letter_that_is_refused_again_and_again_is_not_sent_any_more(receiver: Receiver, tmp_path: Path) -> None:
    receiver.statuses = [500] * 5
    with pytest.raises(WebhookError):
        send(receiver, tmp_path, "unwanted")
    for number in range(8):
        receiver.statuses = [204, 410]
        send(receiver, tmp_path, f"run {number}")
    (letter,) = dead_letters(str(tmp_path))
    assert (letter.alert.cause, letter.refused) == ("unwanted", 5)
    assert len(receiver.requests) == 5 + 8 + 5

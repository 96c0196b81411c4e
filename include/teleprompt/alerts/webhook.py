"""Alerts as signed HTTP requests, and what becomes of those that nobody takes.

Format: Standard Webhooks 1.0 (https://www.standardwebhooks.com): the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature: v1,<base64 HMAC-SHA256 of "id.timestamp.body">`. The id is the same however often an alert is sent,
so that a receiver can drop repetitions; the timestamp lets it refuse old requests.
"""

import base64
import hashlib
import json
import logging
from datetime import UTC, datetime
from itertools import islice

from pydantic import AwareDatetime, SecretStr
from standardwebhooks.webhooks import Webhook

from teleprompt.alerts.alert import Alert
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import Record
from teleprompt.storage.blobs import delete_note, list_notes, read_note, write_note

log = logging.getLogger(__name__)

DEAD_LETTERS = "dead_letters"
SECRET_PREFIX = "whsec_"  # noqa: S105 - of the format
TRIES = 5
TIMEOUT_SECONDS = 10
MOST_RESENT = 100
MOST_REFUSALS = 5


class Target(Record):
    """Where alerts are sent."""

    name: str
    """Of the connection; dead letters remember it instead of the URL and the secret."""
    url: SecretStr
    secret: SecretStr
    """Base64 after `whsec_`, as the format has it, or any text."""


class DeadLetter(Record):
    """An alert that nobody took."""

    target: str
    alert: Alert
    problem: str
    failed_at: AwareDatetime
    refused: int = 0
    """How often the target answered that it does not want it; after `MOST_REFUSALS` it is not sent again by itself."""


class WebhookError(TelepromptError):
    """The receiver did not take an alert."""


class WebhookAwayError(WebhookError):
    """The receiver does not answer at all."""


def sign(secret: str, *, message_id: str, sent_at: datetime, body: str) -> str:
    """The header `webhook-signature`.

    Raises:
        ConfigurationError: the secret is none.
    """
    return Webhook(_key(secret)).sign(msg_id=message_id, timestamp=sent_at, data=body)


def _key(secret: str) -> bytes:
    """The library would take any text for base64, and skip what is none."""
    try:
        encoded = secret.startswith(SECRET_PREFIX)
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True) if encoded else secret.encode()
    except ValueError as error:
        raise ConfigurationError(f"The secret after {SECRET_PREFIX} is not base64; correct the password.") from error
    if not key:
        raise ConfigurationError("The webhook's secret is empty; set the connection's password.")
    return key


def deliver(target: Target, alert: Alert, *, storage_uri: str, wait_seconds: float = 1) -> None:
    """Send an alert, then those that the target did not take before; one that is not taken is kept.

    `wait_seconds` is the first of the growing pauses between two tries.

    Raises:
        WebhookError: it was not taken; it is a dead letter now, and is sent again with the next alert.
        ConfigurationError: the secret is none; the alert is a dead letter, too.
    """
    try:
        _send(target, alert, wait_seconds=wait_seconds)
    except TelepromptError as error:
        letter = DeadLetter(target=target.name, alert=alert, problem=str(error), failed_at=datetime.now(UTC))
        write_note(storage_uri, _name(target, alert), letter.to_stored(indent=1))
        raise
    delete_note(storage_uri, _name(target, alert))
    _resend(target, storage_uri)


def dead_letters(storage_uri: str) -> list[DeadLetter]:
    """The alerts that nobody took, oldest first."""
    return _letters(storage_uri, of="")


def _letters(storage_uri: str, *, of: str) -> list[DeadLetter]:
    """Those whose names begin with `of`, oldest first."""
    names = (f"{DEAD_LETTERS}/{name}" for name in list_notes(storage_uri, DEAD_LETTERS) if name.startswith(of))
    letters = [letter for name in names if (letter := _read(storage_uri, name)) is not None]
    return sorted(letters, key=lambda letter: letter.failed_at)


def _read(storage_uri: str, name: str) -> DeadLetter | None:
    text = read_note(storage_uri, name)
    try:
        return None if text is None else DeadLetter.from_stored(text)
    except ValueError:
        log.warning("The dead letter %s cannot be read; it stays where it is.", name)
        return None


def _resend(target: Target, storage_uri: str) -> None:
    mine = (letter for letter in _letters(storage_uri, of=_owner(target)) if letter.refused < MOST_REFUSALS)
    for letter in islice(mine, MOST_RESENT):
        try:
            _post(target, letter.alert)
        except WebhookAwayError as error:
            log.warning("The dead letters of %s stay: %s", target.name, error)
            return
        except WebhookError as error:  # the receiver does not want this one; perhaps the next
            log.warning("A dead letter of %s stays: %s", target.name, error)
            again = letter.model_copy(update={"refused": letter.refused + 1, "problem": str(error)})
            write_note(storage_uri, _name(target, letter.alert), again.to_stored(indent=1))
            continue
        delete_note(storage_uri, _name(target, letter.alert))


def _send(target: Target, alert: Alert, *, wait_seconds: float) -> None:
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    pauses = wait_random_exponential(multiplier=wait_seconds, max=30 * wait_seconds)
    again = retry_if_exception_type(WebhookError)
    for attempt in Retrying(retry=again, stop=stop_after_attempt(TRIES), wait=pauses, reraise=True):
        with attempt:
            _post(target, alert)


def _post(target: Target, alert: Alert) -> None:
    import httpx

    said = alert.model_dump(mode="json", exclude={"html"})
    body = json.dumps(
        {"type": f"teleprompt.{alert.event.value}", "title": alert.title, **said},
        ensure_ascii=False,
    )
    sent_at = datetime.now(UTC)
    secret = target.secret.get_secret_value()
    headers = {
        "content-type": "application/json",
        "webhook-id": alert.alert_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": sign(secret, message_id=alert.alert_id, sent_at=sent_at, body=body),
    }
    try:
        answer = httpx.post(
            target.url.get_secret_value(), content=body.encode(), headers=headers, timeout=TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WebhookAwayError(
            f"{target.name} does not answer ({type(error).__name__}); check its URL."
        ) from None  # it may quote the URL
    if not answer.is_success:
        raise WebhookError(f"{target.name} answers {answer.status_code} instead of 2xx; look at the receiver's log.")


def _name(target: Target, alert: Alert) -> str:
    return f"{DEAD_LETTERS}/{_owner(target)}_{alert.alert_id}.json"


def _owner(target: Target) -> str:
    return hashlib.sha256(target.name.encode()).hexdigest()[:16]

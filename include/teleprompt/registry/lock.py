"""One change of a program's aliases at a time, wherever the processes run.

MLflow's registry knows no transactions, but a registered model's name can be taken only once, in every kind of store
and through every server. So a model named after the program is the lock: who made it holds it, and deletes it.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from include.teleprompt.errors import RegistryBusyError

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""A lock that is older was left behind by a process that died; a change takes a second."""

PATIENCE_SECONDS = 180.0
HOLDER = "holder"
UNTIL = "until"


def lock_name(name: str) -> str:
    """The registered model that is the lock of `name`."""
    return f"teleprompt-lock-{name}"


@contextmanager
def registry_lock(client: Any, name: str) -> Iterator[None]:
    """Holds the lock of the registered model `name`.

    Raises:
        RegistryBusyError: it was not free in time.
    """
    from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random

    holder = secrets.token_hex(8)
    tries = Retrying(
        retry=retry_if_result(lambda taken: not taken),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_random(0.1, 0.5),
    )
    try:
        tries(_take, client, lock_name(name), holder)
    except RetryError as error:
        raise RegistryBusyError(name, PATIENCE_SECONDS, lock_name(name)) from error
    try:
        yield
    finally:
        if _holder(client, lock_name(name))[0] == holder:
            client.delete_registered_model(lock_name(name))


def _take(client: Any, lock: str, holder: str) -> bool:
    import mlflow

    until = datetime.now(UTC) + LEASE
    try:
        client.create_registered_model(
            lock,
            tags={HOLDER: holder, UNTIL: until.isoformat()},
            description="Held for the second in which a program's aliases are changed.",
        )
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        _break_if_stale(client, lock)
        return False
    return True


def _break_if_stale(client: Any, lock: str) -> None:
    import mlflow

    holder, until = _holder(client, lock)
    if holder is None or until is None or until > datetime.now(UTC):
        return
    log.warning("The lock %s was left behind by a process that died; it is taken away.", lock)
    try:
        if _holder(client, lock)[0] == holder:
            client.delete_registered_model(lock)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _holder(client: Any, lock: str) -> tuple[str | None, datetime | None]:
    import mlflow

    try:
        tags = client.get_registered_model(lock).tags
    except mlflow.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None, None
        raise
    until = tags.get(UNTIL)
    return tags.get(HOLDER), datetime.fromisoformat(until) if until else None

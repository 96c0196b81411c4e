"""One holder of a resource at a time, wherever the processes run: a program's aliases, its trail, a signer's nonces.

MLflow's registry knows no transactions, but a registered model's name can be taken only once, in every kind of store
and through every server. So a model named after the resource is the lock: who made it holds it, and deletes it.
"""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from teleprompt.errors import LockLostError, RegistryBusyError

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""A lock that is older, or was watched for so long, was left behind by a process that died; a change takes a second."""

PATIENCE_SECONDS = 180.0
HOLDER = "holder"
UNTIL = "until"


def lock_name(name: str) -> str:
    """The registered model that is the lock of `name`."""
    return f"teleprompt-lock-{name}"


class Lease:
    """A lock that is held; `check` says whether it still is."""

    def __init__(self, client: "MlflowClient", name: str, holder: str, *, resource: str) -> None:
        self._client = client
        self._name = name
        self._holder = holder
        self._resource = resource

    def check(self) -> None:
        """Refuse to go on after somebody took the lock away, because it was held for too long.

        Raises:
            LockLostError: it is not held any more.
        """
        if _holder(self._client, lock_name(self._name))[0] != self._holder:
            raise LockLostError(self._resource)


@contextmanager
def registry_lock(client: "MlflowClient", name: str, *, resource: str | None = None) -> Iterator[Lease]:
    """Holds the lock `name`, that of a registered model unless `resource` says what it is; keep it for a second only.

    Raises:
        RegistryBusyError: it was not free in time.
    """
    from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random

    resource = resource or f"the aliases of {name}"
    holder, watch = secrets.token_hex(8), _Watch()
    tries = Retrying(
        retry=retry_if_result(lambda taken: not taken),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_random(0.1, 0.5),
    )
    try:
        tries(_take, client, lock_name(name), holder, watch, resource)
    except RetryError as error:
        raise RegistryBusyError(resource, PATIENCE_SECONDS, lock_name(name)) from error
    try:
        yield Lease(client, name, holder, resource=resource)
    finally:
        if _holder(client, lock_name(name))[0] == holder:
            client.delete_registered_model(lock_name(name))


class _Watch:
    """How long others have held a lock while this process waited, whatever the clocks of both say."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def of(self, holder: str) -> timedelta:
        """Since when `holder` has been seen."""
        now = time.monotonic()
        return timedelta(seconds=now - self._seen.setdefault(holder, now))


def _take(client: "MlflowClient", lock: str, holder: str, watch: _Watch, resource: str) -> bool:
    import mlflow

    until = datetime.now(UTC) + LEASE
    try:
        client.create_registered_model(
            lock,
            tags={HOLDER: holder, UNTIL: until.isoformat()},
            description=f"Held for the second in which somebody changes {resource}.",
        )
    except mlflow.MlflowException as error:
        # The latter where it was taken and given back while MLflow composed its answer.
        if error.error_code not in {"RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"}:
            raise
        if _holder(client, lock)[0] == holder:  # MLflow's client asked twice, for the first answer was lost
            return True
        _break_if_stale(client, lock, watch)
        return False
    return True


def _break_if_stale(client: "MlflowClient", lock: str, watch: _Watch) -> None:
    """Take a lock away whose holder died. Of those who want to, the one that can rename it does."""
    import mlflow

    holder, until = _holder(client, lock)
    if holder is None or until is None or (until > datetime.now(UTC) and watch.of(holder) < LEASE):
        return
    broken = f"{lock}-broken-{holder}"
    try:
        client.rename_registered_model(lock, broken)
    except mlflow.MlflowException as error:
        log.info("The lock %s was taken away by somebody else (%s).", lock, error.error_code)
        return
    if _holder(client, broken)[0] != holder:  # somebody had taken it meanwhile: it is theirs
        client.rename_registered_model(broken, lock)
        return
    log.warning("The lock %s was left behind by a process that died; it is taken away.", lock)
    client.delete_registered_model(broken)


def _holder(client: "MlflowClient", lock: str) -> tuple[str | None, datetime | None]:
    import mlflow

    try:
        tags = client.get_registered_model(lock).tags
    except mlflow.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None, None
        raise
    until = tags.get(UNTIL)
    return tags.get(HOLDER), datetime.fromisoformat(until) if until else None

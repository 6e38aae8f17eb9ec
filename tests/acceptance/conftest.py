"""The command as users have it: moto's S3 over HTTP, and the embedded Postgres."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.command import Command

_STUB = Path(__file__).parents[2] / "bench" / "listing_stub.py"
_tables = count(1)

StartStub = Callable[..., str]


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    # See tests/conftest.py on why not in pytest's own directory.
    with TemporaryDirectory(prefix="s3sync-data-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def embedded(data_dir: Path) -> Iterator[str]:
    """Kept running: the commands find it and need not start it each time."""
    with EmbeddedPostgres(data_dir) as conninfo:
        yield conninfo


@pytest.fixture
def database(embedded: str) -> Iterator[psycopg.Connection]:
    """A look behind the curtain."""
    with psycopg.connect(embedded, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    server = MotoServer()
    yield server
    server.stop()


@pytest.fixture
def bucket(moto: MotoServer) -> MotoBucket:
    return moto.bucket()


@pytest.fixture
def table() -> str:
    return f"t{next(_tables)}"


@pytest.fixture
def command(embedded: str, data_dir: Path, tmp_path: Path, table: str) -> Command:
    """Fills a table of its own in the embedded catalog."""
    return Command(tmp_path, {"S3SYNC_DATA_DIR": str(data_dir), "S3SYNC_TABLE": table})


@pytest.fixture
def synced(command: Command, bucket: MotoBucket) -> Command:
    """The command, set up for the bucket."""
    command.environ |= {"S3SYNC_BUCKET": bucket.name, "AWS_ENDPOINT_URL_S3": bucket.endpoint}
    return command


@pytest.fixture
def start_stub() -> Iterator[StartStub]:
    """Starts the listing stub of ``bench/`` in a process of its own; gives its endpoint."""
    with ExitStack() as running:

        def start(**options: object) -> str:
            arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
            stub = subprocess.Popen(
                [sys.executable, str(_STUB), *arguments], stdout=subprocess.PIPE, text=True
            )
            running.callback(stub.wait)
            running.callback(stub.kill)
            assert stub.stdout is not None
            return f"http://127.0.0.1:{stub.stdout.readline().strip()}"

        yield start

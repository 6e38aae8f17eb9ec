"""The transports that the contract holds for. To add one, add a parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import psycopg
import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.model import Rows
from tests.contract.supabase_transport import supabase_transport
from tests.support.database import Connection
from tests.support.pooler import PGBOUNCER, pooled


class Transport(Protocol):
    """A way to a database that holds our schema for the table ``images``."""

    @property
    def connection(self) -> Connection:
        """To look behind the curtain: in autocommit mode, with all rights."""

    async def make(self, table: str = "images") -> Catalog:
        """A catalog of its own connections, opened. Closed when the test ends."""


class PostgresTransport:
    """Over a Postgres connection."""

    def __init__(self, conninfo: str, connection: Connection, kind: type[PostgresCatalog]) -> None:
        self.connection = connection
        self.made: list[Catalog] = []
        self._conninfo = conninfo
        self._kind = kind

    async def make(self, table: str = "images") -> Catalog:
        catalog = self._kind(self._conninfo, table=table, description="postgres test")
        await catalog.open()
        self.made.append(catalog)
        return catalog


class AnswersLost(PostgresCatalog):
    """Loses the first answer to each call, after the server has committed."""

    def __init__(self, conninfo: str, *, table: str, description: str) -> None:
        super().__init__(conninfo, table=table, description=description)
        self._answered: list[object] = []

    async def _execute(self, query: Any, values: list[object]) -> Any:
        answer = await super()._execute(query, values)
        if not any(values is known for known in self._answered):
            self._answered.append(values)
            raise psycopg.OperationalError("the connection is lost")
        return answer

    async def _load_once(self, run_id: int, batch: int, rows: Rows) -> int | None:
        await super()._load_once(run_id, batch, rows)
        raise psycopg.OperationalError("the connection is lost")


@asynccontextmanager
async def _postgres(
    request: pytest.FixtureRequest, kind: type[PostgresCatalog] = PostgresCatalog
) -> AsyncIterator[Transport]:
    transport = PostgresTransport(
        request.getfixturevalue("catalog_database"), request.getfixturevalue("behind"), kind
    )
    yield transport
    for catalog in transport.made:
        await catalog.close()


@asynccontextmanager
async def _pooled(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    with pooled(request.getfixturevalue("catalog_database")) as conninfo:
        transport = PostgresTransport(conninfo, request.getfixturevalue("behind"), PostgresCatalog)
        yield transport
        for catalog in transport.made:
            await catalog.close()


TRANSPORTS: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Transport]]] = {
    "postgres": _postgres,
    "postgres losing answers": lambda request: _postgres(request, AnswersLost),
    # Where it is installed; .ci/run installs it.
    **({"transaction pooler": _pooled} if PGBOUNCER else {}),
    "supabase": supabase_transport,
    "supabase losing answers": lambda request: supabase_transport(request, loses_answers=True),
}


@pytest.fixture(params=list(TRANSPORTS))
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    async with TRANSPORTS[request.param](request) as made:
        yield made


@pytest.fixture
async def catalog(transport: Transport) -> Catalog:
    return await transport.make()


@pytest.fixture
def database(transport: Transport) -> Connection:
    return transport.connection

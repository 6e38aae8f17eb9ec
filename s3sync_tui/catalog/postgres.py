"""The catalog over a Postgres connection: the schema's functions, called by SELECT."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from s3sync_tui.catalog.faults import explain, is_transient, refused
from s3sync_tui.catalog.functions import FunctionCatalog
from s3sync_tui.catalog.loading import load
from s3sync_tui.catalog.place import region_of
from s3sync_tui.catalog.schema import apply_schema, function_name
from s3sync_tui.errors import CatalogError
from s3sync_tui.model import Rows

log = logging.getLogger(__name__)

ATTEMPTS = 8
STATEMENT_SECONDS = 120
# Four for digests and drill-downs, two for batches, one for the lease, and a spare.
CONNECTIONS = 8


class PostgresCatalog(FunctionCatalog):
    """A table of images in a Postgres database."""

    def __init__(self, conninfo: str, *, table: str, description: str) -> None:
        super().__init__(table=table, description=description)
        self._conninfo = conninfo
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None

    @property
    def region(self) -> str | None:
        return region_of(self._conninfo)

    async def connect(self) -> None:
        # The pool would try for half a minute and hide why; this says it at once.
        await (await self._connect()).close()
        self._pool = AsyncConnectionPool(
            self._conninfo,
            kwargs=_CONNECT,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=30,
            reconnect_timeout=30,
            open=False,
        )
        await self._pool.open()

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=1)

    async def apply_schema(self) -> list[str]:
        """Create or complete the schema; returns what changed."""
        async with await self._connect() as connection:
            try:
                return await apply_schema(connection, self._table)
            except psycopg.Error as error:
                raise explain(error, self.description, self._table) from error

    async def vacuum(self) -> None:
        table = sql.Identifier("public", self._table)
        async with await self._connect() as connection:
            try:
                # In this order: rows count as visible to all once their commit is on the
                # disk, and batches do not wait for that, but ANALYZE does.
                for statement in ("analyze {}", "vacuum {}"):
                    await connection.execute(sql.SQL(statement).format(table))
            except psycopg.Error as error:
                log.warning("VACUUM of %s failed: %s", self._table, error)

    async def mend(self, statements: Sequence[str]) -> None:
        async with await self._connect() as connection:
            for statement in statements:
                try:
                    await connection.execute(statement.encode())
                except psycopg.Error as error:
                    raise refused(statement, error, self.description, self._table) from error

    async def insert_batch(
        self, run_id: int, batch: int, rows: Rows, *, fresh: bool = False
    ) -> int:
        if fresh and (added := await self._load(run_id, batch, rows)) is not None:
            return added
        return await super().insert_batch(run_id, batch, rows)

    async def _load(self, run_id: int, batch: int, rows: Rows) -> int | None:
        """Load by COPY; None where that did not work, or nobody knows whether it did: the
        careful way finds out."""
        try:
            return await self._load_once(run_id, batch, rows)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            log.debug("batch %s of run %s is not loaded by COPY: %s", batch, run_id, error)
        except (psycopg.Error, TimeoutError) as error:
            if not is_transient(error):
                raise explain(error, self.description, self._table) from error
            await self._repair(error)
        return None

    async def _load_once(self, run_id: int, batch: int, rows: Rows) -> int | None:
        async with self._connected() as connection:
            return await load(connection, self._table, run_id, batch, rows)

    async def _call(self, function: str, arguments: Mapping[str, object]) -> Any:
        query = sql.SQL("select * from {}({})").format(
            sql.Identifier("public", function_name(function, self._table)),
            sql.SQL(", ").join(
                sql.SQL("{} => %s{}").format(sql.Identifier(name), sql.SQL(_cast(name, value)))
                for name, value in arguments.items()
            ),
        )
        values = [_adapted(value) for value in arguments.values()]
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(is_transient),
                wait=wait_random_exponential(multiplier=0.1, max=5),
                stop=stop_after_attempt(ATTEMPTS),
                before_sleep=self._mend,
                reraise=True,
            ):
                with attempt:
                    return await self._execute(query, values)
        except (psycopg.Error, TimeoutError) as error:
            raise explain(error, self.description, self._table) from error
        raise AssertionError("unreachable")

    async def _execute(self, query: sql.Composed, values: list[object]) -> Any:
        async with self._connected() as connection:
            cursor = await connection.execute(query, values, binary=True)
            row = await cursor.fetchone()
            if row is None or cursor.description is None:
                raise CatalogError(f"{self.description} returned no row.")
        if len(row) == 1:
            return row[0]
        return {column.name: value for column, value in zip(cursor.description, row, strict=True)}

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection of the pool, for as long as one call may take."""
        if self._pool is None:
            raise CatalogError("The catalog is not open.")
        async with asyncio.timeout(STATEMENT_SECONDS), self._pool.connection() as connection:
            yield connection
        # psycopg waits by asyncio.wait_for, which before Python 3.12 can swallow a
        # cancellation that comes together with the answer (python/cpython#86296).
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError

    async def _mend(self, state: RetryCallState) -> None:
        if state.outcome is not None:
            await self._repair(state.outcome.exception())

    async def _repair(self, error: BaseException | None) -> None:
        log.warning("a call of the database failed (%s), trying again", error)
        if isinstance(error, psycopg.OperationalError) and self._pool is not None:
            # A server that went away took all connections with it: drop those too
            # that nobody has tried yet, lest each costs an attempt.
            await self._pool.check()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        try:
            return await psycopg.AsyncConnection.connect(self._conninfo, **_CONNECT)
        except psycopg.Error as error:
            raise explain(error, self.description, self._table) from error


_CASTS = {
    "p_sizes": "::bigint[]",
    "p_modified": "::timestamptz[]",
    "p_first": "::integer[]",
    "p_last": "::integer[]",
}


def _cast(name: str, value: object) -> str:
    if not isinstance(value, list):
        return ""
    return _CASTS.get(name, "::text[]")


def _adapted(value: object) -> object:
    match value:
        case dict():
            return Jsonb(value)
        case list():
            return _array(value)
        case _:
            return value


def _array(values: Iterable[object]) -> str:
    """Postgres's text form of an array: half the work of psycopg's binary form,
    which goes through Python once for each element.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    texts = [str(value) for value in values]
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * max(0, len(texts) - 1):
        joined = '","'.join(t.replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return f'{{"{joined}"}}' if texts else "{}"


_CONNECT: dict[str, Any] = {
    "autocommit": True,
    # Transaction poolers (Supabase's port 6543) keep no prepared statements.
    "prepare_threshold": None,
    "client_encoding": "utf8",
    "application_name": "s3sync-tui",
    "connect_timeout": 10,
    # A peer that vanished is noticed after 30 s even while we wait for its answer.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

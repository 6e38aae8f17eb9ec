"""The catalog over a Postgres connection: the schema's functions, called by SELECT."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from s3sync_tui.catalog.arguments import adapted, cast
from s3sync_tui.catalog.encryption import clear_text_notice
from s3sync_tui.catalog.faults import (
    explain,
    first_line,
    is_cut,
    is_transient,
    may_wait_for_a_lock,
    refused,
    will_stay,
)
from s3sync_tui.catalog.functions import FunctionCatalog
from s3sync_tui.catalog.loading import load
from s3sync_tui.catalog.place import region_of
from s3sync_tui.catalog.schema import apply_schema, function_name
from s3sync_tui.catalog.silence import within
from s3sync_tui.catalog.waiting import Holder, locked
from s3sync_tui.errors import CatalogError, S3SyncError, SchemaError
from s3sync_tui.model import Rows

log = logging.getLogger(__name__)

ATTEMPTS = 8
STATEMENT_SECONDS = 120
PATIENCE_SECONDS = 30
"""How long a server that lets us in no more is waited for."""
VACUUM_SECONDS = 3600
LOOK_SECONDS = 10
# Four for digests and drill-downs, two for batches, one for the lease, and a spare.
CONNECTIONS = 8


class PostgresCatalog(FunctionCatalog):
    """A table of images in a Postgres database."""

    def __init__(self, conninfo: str, *, table: str, description: str) -> None:
        super().__init__(table=table, description=description)
        self._conninfo = conninfo
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None
        self._is_refused = False
        self._left: set[int] = set()
        """The server's processes that we have lost the connection to in the middle of a call.
        They may not know yet, and hold locks."""

    @property
    def region(self) -> str | None:
        return region_of(self._conninfo)

    async def connect(self) -> None:
        # The pool would try for half a minute and hide why; this says it at once.
        connection = await self._connect()
        if notice := clear_text_notice(connection):
            log.warning("%s", notice)
        await connection.close()
        self._pool = AsyncConnectionPool(
            self._conninfo,
            kwargs=_CONNECT,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            reconnect_timeout=PATIENCE_SECONDS,
            open=False,
        )
        await self._pool.open()

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=1)

    async def apply_schema(self) -> list[str]:
        """Create or complete the schema; returns what changed."""
        began = time.monotonic()
        async with await self._connect() as connection:
            try:
                return await apply_schema(connection, self._table)
            except psycopg.Error as error:
                raise await self._explained(error, began) from error
            except SchemaError as error:
                if isinstance(error.__cause__, LockNotAvailable) and (
                    holder := await self._find_holder(began)
                ):
                    raise SchemaError(
                        f"{error.message} One of them is {holder}.", hint=error.hint
                    ) from error
                raise

    async def vacuum(self) -> None:
        try:
            await within(VACUUM_SECONDS, self._vacuum())
        except (psycopg.Error, CatalogError, TimeoutError) as error:
            log.warning("VACUUM of %s failed: %s", self._table, str(error) or "it took too long")

    async def _vacuum(self) -> None:
        table = sql.Identifier("public", self._table)
        async with await self._connect() as connection:
            # In this order: rows count as visible to all once their commit is on the disk,
            # and batches do not wait for that, but ANALYZE does. Where somebody else holds
            # the table, such as another VACUUM, neither is worth waiting for.
            for statement in ("analyze (skip_locked) {}", "vacuum (skip_locked) {}"):
                await connection.execute(sql.SQL(statement).format(table))

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
        began = time.monotonic()
        try:
            return await self._load_once(run_id, batch, rows)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            log.debug("batch %s of run %s is not loaded by COPY: %s", batch, run_id, error)
        except (psycopg.Error, TimeoutError) as error:
            if not is_transient(error):
                raise await self._explained(error, began) from error
            await self._repair(error, began)
        return None

    async def _load_once(self, run_id: int, batch: int, rows: Rows) -> int | None:
        async def loaded() -> int | None:
            async with self._connected() as connection:
                return await load(connection, self._table, run_id, batch, rows)

        return await within(STATEMENT_SECONDS, loaded())

    def _query(self, function: str, arguments: Mapping[str, object]) -> sql.Composed:
        return sql.SQL("select * from {}({})").format(
            sql.Identifier("public", function_name(function, self._table)),
            sql.SQL(", ").join(
                sql.SQL("{} => %s{}").format(sql.Identifier(name), sql.SQL(cast(name, value)))
                for name, value in arguments.items()
            ),
        )

    async def _call(self, function: str, arguments: Mapping[str, object]) -> Any:
        query = self._query(function, arguments)
        values = [adapted(value) for value in arguments.values()]
        began = time.monotonic()

        async def mend(state: RetryCallState) -> None:
            if state.outcome is not None:
                await self._repair(state.outcome.exception(), began)

        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(is_transient),
                wait=wait_random_exponential(multiplier=0.1, max=5),
                stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(3 * STATEMENT_SECONDS),
                before_sleep=mend,
                reraise=True,
            ):
                with attempt:
                    began = time.monotonic()
                    return await within(STATEMENT_SECONDS, self._execute(query, values))
        except (psycopg.Error, TimeoutError) as error:
            raise await self._explained(error, began) from error
        raise AssertionError("unreachable")

    async def _execute(self, query: sql.Composed, values: list[object]) -> Any:
        async with self._connected() as connection:
            cursor = await connection.execute(query, values, binary=True)
            row = await cursor.fetchone()
            if row is None or cursor.description is None:
                raise CatalogError(
                    f"{self.description} returned no row.",
                    hint="Is that Postgres itself, and our schema's functions unchanged?",
                )
        if len(row) == 1:
            return row[0]
        return {column.name: value for column, value in zip(cursor.description, row, strict=True)}

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection of the pool."""
        if self._pool is None:
            raise CatalogError("The catalog is not open.", hint="Open it first.")
        if self._is_refused:  # the pool would hope for half a minute that this passes
            await (await self._connect()).close()
            self._is_refused = False
        async with self._pool.connection() as connection:
            process = connection.info.backend_pid
            try:
                yield connection
            except BaseException:
                if connection.closed:
                    self._left.add(process)
                raise

    async def _repair(self, error: BaseException | None, began: float) -> None:
        """See to it that another attempt has a chance; raises where it has none."""
        if isinstance(error, TimeoutError) and not self._left:
            # The server has answered that it has cancelled the statement: it is not silent,
            # and will not be quicker the next time.
            raise await self._explained(error, began) from error
        log.warning("A call of the database failed, trying it again: %s", first_line(error))
        if is_cut(error) and self._pool is not None:
            # A server that went away took all connections with it: drop those too that
            # nobody has tried yet, lest each costs an attempt. Not by asking each whether it
            # is well: a silent peer does not say.
            await self._pool.drain()
            try:
                await within(LOOK_SECONDS, self._end_left())
            except CatalogError as why:
                if will_stay(why.__cause__):
                    self._is_refused = True
                    raise
            except (psycopg.Error, TimeoutError) as why:
                log.debug("What is left of a lost call is not ended: %s", why)

    async def _explained(self, error: psycopg.Error | TimeoutError, began: float) -> S3SyncError:
        """The error of a call that ``began`` then, with what can be found out about its cause."""
        if isinstance(error, PoolTimeout | TimeoutError):  # they say nothing of why
            try:
                await (await self._connect()).close()
            except CatalogError as why:
                return why
        if may_wait_for_a_lock(error) and (holder := await self._find_holder(began)):
            return locked(holder, self.description)
        return explain(error, self.description, self._table)

    async def _end_left(self) -> None:
        """End what is still there of the processes that we have left."""
        left = [*self._left]
        async with await self._connect() as connection:
            await connection.execute(_END, [left, _CONNECT["application_name"]])
        self._left.difference_update(left)

    async def _find_holder(self, began: float) -> Holder | None:
        """Who has held a lock of our tables since then, as far as the server tells."""
        seconds = time.monotonic() - began

        async def ask() -> Holder | None:
            async with await self._connect() as connection:
                query = self._query("s3sync_holder", {"p_seconds": seconds})
                cursor = await connection.execute(query, [seconds])
                row = await cursor.fetchone()
                return Holder(*row) if row is not None and row[0] is not None else None

        try:
            return await within(LOOK_SECONDS, ask())
        except (psycopg.Error, CatalogError, TimeoutError):
            return None

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        try:
            return await psycopg.AsyncConnection.connect(self._conninfo, **_CONNECT)
        except psycopg.Error as error:
            raise explain(error, self.description, self._table) from error


_END = """
select pg_terminate_backend(pid) from pg_stat_activity
 where pid = any(%s) and application_name = %s and usename = current_user"""

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

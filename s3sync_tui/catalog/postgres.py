"""The catalog over a Postgres connection: the schema's functions, called by SELECT."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from s3sync_tui.catalog.faults import explain, is_transient
from s3sync_tui.catalog.schema import SCHEMA_VERSION, apply_schema, function_name
from s3sync_tui.errors import CatalogError, LeaseHeld, LeaseLost, SchemaError
from s3sync_tui.model import (
    CatalogSummary,
    Difference,
    KeyRange,
    ObjectPage,
    RangeDigest,
    Rows,
    RunRequest,
    RunResult,
    RunStats,
    RunTicket,
)

log = logging.getLogger(__name__)

ATTEMPTS = 7
STATEMENT_SECONDS = 120
GONE_SAMPLE = 20
# Two for digests, two for drill-downs, two for batches, one for the lease, and a spare.
CONNECTIONS = 8


class PostgresCatalog:
    """A table of images in a Postgres database; see
    :class:`~s3sync_tui.catalog.base.Catalog`."""

    def __init__(self, conninfo: str, *, table: str, description: str) -> None:
        """``description`` names the database for people and holds no secret."""
        self.description = f"{description} ▸ {table}"
        self._conninfo = conninfo
        self._table = table
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]] | None = None

    async def open(self) -> None:
        """Connect and verify the schema."""
        async with await self._connect() as connection:
            await self._verify(connection)
        self._pool = AsyncConnectionPool(
            self._conninfo,
            kwargs=_CONNECT,
            connection_class=psycopg.AsyncConnection[dict[str, Any]],
            min_size=1,
            max_size=CONNECTIONS,
            timeout=30,
            reconnect_timeout=30,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        await self._pool.open()

    async def close(self) -> None:
        """Release connections."""
        if self._pool is not None:
            await self._pool.close(timeout=1)
            self._pool = None

    async def apply_schema(self) -> list[str]:
        """Create or complete the schema; returns what changed."""
        connection = await self._connect()
        async with connection:
            try:
                return await apply_schema(cast("psycopg.AsyncConnection", connection), self._table)
            except psycopg.Error as error:
                raise explain(error, self.description) from error

    async def summary(self) -> CatalogSummary:
        """How much there is, and the database's time."""
        row = await self._call("s3sync_summary")
        return CatalogSummary(int(row["objects_total"]), int(row["bytes_total"]), row["at"])

    async def begin_run(self, request: RunRequest) -> RunTicket:
        """Take the lease and write the run's row."""
        row = await self._call(
            "s3sync_begin_run",
            request.bucket,
            request.prefix,
            request.mode.value,
            request.holder,
            request.lease_seconds,
        )
        if row["run_id"] is None:
            raise LeaseHeld(
                f"Another run (number {row['held_run_id']}, {row['held_by']}) has been syncing "
                f"{request.bucket} into {self.description} since {row['held_since']:%H:%M:%S %Z}.",
                hint="Wait for it; if its process is dead, its lease runs out in "
                f"{row['held_for_seconds']:.0f} s. In cron, --if-running=skip makes this no failure.",
            )
        return RunTicket(row["run_id"], row["started_at"], row["interrupted"])

    async def renew_lease(self, run_id: int, lease_seconds: int, stats: RunStats) -> None:
        """Keep the lease and store progress."""
        row = await self._call(
            "s3sync_renew",
            run_id,
            lease_seconds,
            stats.total,
            stats.added,
            stats.changed,
            stats.gone,
            stats.rejected,
            stats.list_requests,
            stats.cost_usd,
        )
        if not row[function_name("s3sync_renew", self._table)]:
            raise LeaseLost(
                "The lease ran out, and another run has taken over.",
                hint="Nothing is lost: the other run completes the work.",
            )

    async def finish_run(self, run_id: int, result: RunResult) -> RunStats:
        """Write the final state and give the lease back."""
        stats = result.stats
        details = {
            "failed_ranges": [[span.after, span.up_to] for span in result.failed_ranges[:100]],
            "gone_sample": result.gone_sample,
            "rejected_sample": result.rejected_sample,
        }
        row = await self._call(
            "s3sync_finish_run",
            run_id,
            result.status.value,
            stats.total,
            stats.gone,
            stats.rejected,
            stats.list_requests,
            stats.cost_usd,
            result.error,
            result.hint,
            Jsonb(details),
        )
        return RunStats(
            total=max(stats.total, row["added"]),
            added=row["added"],
            changed=row["changed"],
            gone=stats.gone,
            rejected=stats.rejected,
            list_requests=stats.list_requests,
            cost_usd=stats.cost_usd,
            duration_seconds=stats.duration_seconds,
        )

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """Keys that cut ``span`` into parts of about equal rows."""
        row = await self._call("s3sync_split_points", span.after, span.up_to, parts)
        return list(row[function_name("s3sync_split_points", self._table)])

    async def range_digests(self, spans: Sequence[KeyRange]) -> list[RangeDigest]:
        """What the catalog holds in each of ``spans``."""
        row = await self._call(
            "s3sync_range_digests", [s.after for s in spans], [s.up_to for s in spans]
        )
        pairs = zip(row["row_counts"], row["digests"], strict=True)
        return [RangeDigest(rows, digest) for rows, digest in pairs]

    async def compare(self, page: ObjectPage, *, started_at: datetime) -> Difference:
        """How ``page`` and the catalog differ."""
        images = page.images
        row = await self._call(
            "s3sync_compare",
            page.span.after,
            page.span.up_to,
            images.keys,
            _Sizes(images.sizes),
            images.etags,
            page.others,
            started_at,
            GONE_SAMPLE,
        )
        return Difference(row["missing"], row["changed"], row["gone"], row["gone_sample"])

    async def mark_gone(self, page: ObjectPage, *, run_id: int, started_at: datetime) -> int:
        """Mark the rows of ``page.span`` that it does not name."""
        present = page.images.keys + page.others
        row = await self._call(
            "s3sync_mark_gone", run_id, page.span.after, page.span.up_to, present, started_at
        )
        return int(row[function_name("s3sync_mark_gone", self._table)])

    async def insert_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        """Insert the rows that are not there yet."""
        return await self._write("s3sync_insert", run_id, batch, rows)

    async def update_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        """Update the rows that differ."""
        return await self._write("s3sync_update", run_id, batch, rows)

    async def vacuum(self) -> None:
        """Refresh statistics and visibility, where permitted."""
        async with await self._connect() as connection:
            try:
                await connection.execute(
                    sql.SQL("vacuum (analyze) {}").format(sql.Identifier(self._table))
                )
            except psycopg.Error as error:
                log.warning("VACUUM of %s failed: %s", self._table, error)

    async def _write(self, function: LiteralString, run_id: int, batch: int, rows: Rows) -> int:
        row = await self._call(
            function,
            run_id,
            batch,
            rows.keys,
            _Sizes(rows.sizes),
            rows.etags,
            _Times(rows.modified),
        )
        return int(row[function_name(function, self._table)])

    async def _call(self, function: LiteralString, *values: object) -> dict[str, Any]:
        """One function call, repeated while a moment's wait may help. Every
        function of the schema can be called again after a lost answer."""
        name = function_name(function, self._table)
        query = sql.SQL("select * from {}({})").format(
            sql.Identifier("public", name),
            sql.SQL(", ").join(sql.SQL(_placeholder(value)) for value in values),
        )
        plain = [list(v) if isinstance(v, _Sizes | _Times) else v for v in values]
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(is_transient),
                wait=wait_random_exponential(multiplier=0.1, max=5),
                stop=stop_after_attempt(ATTEMPTS),
                before_sleep=lambda state: log.warning(
                    "%s failed (%s), trying again",
                    function,
                    state.outcome and state.outcome.exception(),
                ),
                reraise=True,
            ):
                with attempt:
                    return await self._execute(query, plain)
        except (psycopg.Error, TimeoutError) as error:
            raise explain(error, self.description) from error
        raise AssertionError("unreachable")

    async def _execute(self, query: sql.Composed, values: list[object]) -> dict[str, Any]:
        if self._pool is None:
            raise CatalogError("The catalog is not open.")
        async with asyncio.timeout(STATEMENT_SECONDS), self._pool.connection() as connection:
            cursor = await connection.execute(query, values, binary=True)
            row = await cursor.fetchone()
            if row is None:
                raise CatalogError(f"{self.description} returned no row.")
            return row

    async def _connect(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        try:
            return await psycopg.AsyncConnection[dict[str, Any]].connect(self._conninfo, **_CONNECT)
        except psycopg.Error as error:
            raise explain(error, self.description) from error

    async def _verify(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        version = sql.Identifier("public", function_name("s3sync_version", self._table))
        problems = sql.Identifier("public", function_name("s3sync_problems", self._table))
        query = sql.SQL("select {}() as version, {}() as problems").format(version, problems)
        apply = "s3sync-tui schema --apply" + (
            "" if self._table == "images" else f" --table {self._table}"
        )
        try:
            row = await (await connection.execute(query)).fetchone()
        except (psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable) as error:
            raise SchemaError(
                f"The schema is missing in {self.description}.",
                hint=f"Apply it with: {apply}",
            ) from error
        except psycopg.Error as error:
            raise explain(error, self.description) from error
        if row is None or row["version"] < SCHEMA_VERSION:
            raise SchemaError(
                f"The schema in {self.description} has version {row and row['version']}; "
                f"version {SCHEMA_VERSION} is needed.",
                hint=f"Bring it up to date with: {apply}",
            )
        if row["version"] > SCHEMA_VERSION:
            raise SchemaError(
                f"The schema in {self.description} has version {row['version']}, which is newer "
                f"than this program ({SCHEMA_VERSION}).",
                hint="Upgrade it with: pip install --upgrade s3sync-tui",
            )
        if row["problems"]:
            raise SchemaError(
                f"The schema in {self.description} is damaged: {'; '.join(row['problems'])}.",
                hint=f"Repair it with: {apply}",
            )


class _Sizes(list[int]):
    """Marks a list as bigint[], also when it is empty."""


class _Times(list[str]):
    """Marks a list of ISO 8601 times as timestamptz[]."""


def _placeholder(value: object) -> LiteralString:
    match value:
        case _Sizes():
            return "%b::bigint[]"
        case _Times():
            return "%b::text[]::timestamptz[]"
        case list():
            return "%b::text[]"
        case _:
            return "%s"


_CONNECT: dict[str, Any] = {
    "autocommit": True,
    # Transaction poolers (Supabase's port 6543) keep no prepared statements.
    "prepare_threshold": None,
    "row_factory": dict_row,
    "client_encoding": "utf8",
    "application_name": "s3sync-tui",
    "connect_timeout": 10,
    # A peer that vanished is noticed after 30 s even while we wait for its answer.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

"""The dashboard's link to the catalog: opened, lost, opened again, and read from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.connect import make_source, open_catalog
from s3sync_tui.errors import BucketError, CatalogError, S3SyncError, SchemaError
from s3sync_tui.insight.cost import Cost, catalog_cost
from s3sync_tui.insight.growth import Growth, measure_growth
from s3sync_tui.insight.health import Health, check_health
from s3sync_tui.insight.history import recent_runs
from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.settings import Settings
from s3sync_tui.tui.state import Standing, State

RETRY_SECONDS = 10
_HOLDER_SILENT = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the panels show between runs."""

    runs: list[RunRecord]
    growth: Growth
    cost: Cost


class Link:
    """Holds the catalog open for as long as the app lives."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._opened = AsyncExitStack()
        self._catalog: Catalog | None = None
        self._opening = asyncio.Lock()

    async def catalog(self) -> Catalog:
        """The catalog, opened when it is first asked for.

        Raises :class:`~s3sync_tui.errors.CatalogError` and
        :class:`~s3sync_tui.errors.SchemaError`.
        """
        async with self._opening:
            if self._catalog is None:
                self._catalog = await self._opened.enter_async_context(open_catalog(self._settings))
            return self._catalog

    async def close(self) -> None:
        """Release connections, and the embedded server where it is ours."""
        await self._opened.aclose()

    async def figures(self) -> Figures:
        """Read what the panels show."""
        catalog = await self.catalog()
        runs, growth, cost = await asyncio.gather(
            recent_runs(catalog),
            measure_growth(catalog, quota_bytes=self._settings.database_quota),
            catalog_cost(catalog, price=self._settings.list_price),
        )
        return Figures(runs, growth, cost)

    async def health(self) -> Health:
        """Look at everything that can be wrong; also where the schema is damaged."""
        quota = self._settings.database_quota
        async with make_source(self._settings) as source:
            if self._catalog is not None:
                return await check_health(self._catalog, source, quota_bytes=quota)
            async with open_catalog(self._settings, verify=False) as catalog:
                return await check_health(catalog, source, quota_bytes=quota)

    def state_of(self, runs: list[RunRecord]) -> State:
        """How things stand by the runs that the catalog remembers."""
        if not runs:
            return State(Standing.NEVER_RUN)
        last = runs[0]
        if last.status is RunStatus.RUNNING:
            if self._now() - last.heartbeat_at < _HOLDER_SILENT:
                return State(Standing.OTHER_HOST, last.started_at, last)
            return State(Standing.FAILED, last.heartbeat_at, last)
        standing = {
            RunStatus.SUCCEEDED: Standing.IN_SYNC,
            RunStatus.CANCELLED: Standing.CANCELLED,
        }.get(last.status, Standing.FAILED)
        return State(standing, last.finished_at, last, last.error, last.hint)


def state_of_error(error: S3SyncError) -> State:
    """How things stand when a part cannot be had."""
    now = datetime.now(UTC)
    if isinstance(error, SchemaError):
        return State(Standing.SCHEMA_MISSING, now, None, error.message, error.hint)
    retry_at = now + timedelta(seconds=RETRY_SECONDS)
    if isinstance(error, CatalogError):
        return State(Standing.CATALOG_UNREACHABLE, now, None, error.message, error.hint, retry_at)
    if isinstance(error, BucketError):
        return State(Standing.BUCKET_UNREACHABLE, now, None, error.message, error.hint)
    return State(Standing.FAILED, now, None, error.message, error.hint)

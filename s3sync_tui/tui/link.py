"""The dashboard's link to the catalog: opened, lost, opened again, and read from."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3sync_tui.connect import load_module, make_source, open_catalog, postgres_catalog
from s3sync_tui.insight.history import RunLog
from s3sync_tui.model import RunRecord
from s3sync_tui.settings import Settings
from s3sync_tui.tui.memory import settle

if TYPE_CHECKING:
    from s3sync_tui.catalog.base import Catalog
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health


@dataclass(frozen=True, slots=True)
class Figures:
    """What the panels show between runs."""

    catalog: str
    """Which catalog it is, for people."""
    runs: list[RunRecord]
    growth: Growth
    cost: Cost


class Link:
    """Holds the catalog open for as long as the app lives. Each method raises
    :class:`~s3sync_tui.errors.CatalogError` where the catalog does not answer, and
    :class:`~s3sync_tui.errors.SchemaError` where its schema is missing or damaged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = AsyncExitStack()
        self._catalog: Catalog | None = None
        self._opening = asyncio.Lock()
        self._log = RunLog()
        self._is_settled = False

    async def close(self) -> None:
        """Release connections, and the embedded server where it is ours."""
        await self._opened.aclose()

    async def runs(self) -> list[RunRecord]:
        """The recent runs, the newest first."""
        return await self._log.read(await self._open())

    async def figures(self) -> Figures:
        """Read what the panels show."""
        catalog = await self._open()
        from s3sync_tui.insight.cost import catalog_cost
        from s3sync_tui.insight.growth import measure_growth

        runs, growth, cost = await asyncio.gather(
            self._log.read(catalog),
            measure_growth(catalog, quota_bytes=self._settings.database_quota),
            catalog_cost(
                catalog, price=self._settings.list_price, every_seconds=self._settings.every
            ),
        )
        return Figures(catalog.description, runs, growth, cost)

    async def health(self) -> Health:
        """Look at everything that can be wrong; also where the schema is damaged."""
        try:
            return await self._health()
        finally:
            if not self._is_settled:
                self._is_settled = True
                settle()  # catalog and bucket have loaded all that the app ever will

    async def mend(self, statements: tuple[str, ...]) -> None:
        """Run a check's fix."""
        await (await self._open()).mend(statements)

    async def apply_schema(self) -> list[str]:
        """Create what the schema needs, over a connection; returns what that changed."""
        async with postgres_catalog(self._settings) as (catalog, _):
            return await catalog.apply_schema()

    async def _health(self) -> Health:
        # In a thread, and not at the top: neither the first paint nor a key need wait for it.
        await load_module("s3sync_tui.insight.health")
        if self._catalog is not None:
            return await self._check(self._catalog)
        async with open_catalog(self._settings, verify=False) as catalog:
            return await self._check(catalog)

    async def _check(self, catalog: Catalog) -> Health:
        from s3sync_tui.insight.health import check_health

        async with make_source(self._settings) as source:
            return await check_health(
                catalog,
                source,
                every_seconds=self._settings.every,
                quota_bytes=self._settings.database_quota,
            )

    async def _open(self) -> Catalog:
        async with self._opening:
            if self._catalog is None:
                await load_module("s3sync_tui.insight.cost")
                self._catalog = await self._opened.enter_async_context(open_catalog(self._settings))
            return self._catalog

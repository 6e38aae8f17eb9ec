"""What the catalog and the bucket say of themselves: asked at most so often, however many
clients want to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from s3sync_tui.connect import make_source, open_catalog
from s3sync_tui.errors import CatalogUnreachable, SchemaError
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.insight.cost import Cost, catalog_cost
from s3sync_tui.insight.growth import Growth, grow
from s3sync_tui.insight.health import Health, check_health
from s3sync_tui.insight.history import recent_runs
from s3sync_tui.model import RunRecord
from s3sync_tui.setup.attempts import try_bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from s3sync_tui.catalog.base import Catalog
    from s3sync_tui.catalog.facts import GrowthFacts, RunHistory

T = TypeVar("T")

PROBE_SECONDS = 5.0
CATALOG_SECONDS, BUCKET_SECONDS = 10.0, 60.0
"""For so long an answer says that they are there."""
GROWTH_SECONDS, COST_SECONDS, HEALTH_SECONDS = 5.0, 30.0, 30.0


class Kept(Generic[T]):
    """The newest answer to one question, which is asked by one at a time. One that failed is
    asked anew by the next."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None
        self._read_at = 0.0
        self.last: T | None = None
        """However old."""

    @property
    def age_seconds(self) -> float:
        """How old the last answer is."""
        return time.monotonic() - self._read_at

    async def get(self, newer_than_seconds: float) -> T:
        """An answer that is not older than that. Raises what asking raises."""
        if self.last is not None and self.age_seconds <= newer_than_seconds:
            return self.last
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._read())
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _read(self) -> T:
        self.last = await self._ask()
        self._read_at = time.monotonic()
        return self.last


class Readings:
    """The answers that one server gives. All raise
    :class:`~s3sync_tui.errors.S3SyncError` where nobody answers."""

    def __init__(self, syncs: Syncs) -> None:
        self._syncs = syncs
        self.history = Kept(self._read_history)
        self.growth_facts = Kept(self._read_growth)
        self.kept_health = Kept(self._read_health)
        self._cost = Kept(self._read_cost)
        self._catalog_answers = Kept(self._probe_catalog)
        self._bucket_answers = Kept(self._probe_bucket)

    async def close(self) -> None:
        """Ask no more."""
        for kept in (
            *(self.history, self.growth_facts, self.kept_health),
            *(self._cost, self._catalog_answers, self._bucket_answers),
        ):
            await kept.close()

    async def runs(self, limit: int, *, before: int | None) -> list[RunRecord]:
        """The newest runs first."""
        async with self._syncs.using_catalog() as catalog:
            return await recent_runs(catalog, limit, before=before)

    async def cost(self) -> Cost:
        """What listing costs."""
        return await self._cost.get(COST_SECONDS)

    async def growth(self) -> Growth:
        """How fast the table grows."""
        facts = await self.growth_facts.get(GROWTH_SECONDS)
        return grow(facts, quota_bytes=self._syncs.settings.database_quota)

    async def health(self, newer_than_seconds: float = HEALTH_SECONDS) -> Health:
        """All checks. Those of the bucket ask S3, which costs."""
        return await self.kept_health.get(newer_than_seconds)

    async def both_answer(self) -> None:
        """Return where catalog and bucket have answered lately."""
        await self._catalog_answers.get(CATALOG_SECONDS)
        await self._bucket_answers.get(BUCKET_SECONDS)

    async def _read_history(self) -> RunHistory:
        async with self._syncs.using_catalog() as catalog:
            return await catalog.history()

    async def _read_growth(self) -> GrowthFacts:
        async with self._syncs.using_catalog() as catalog:
            return await catalog.growth_facts()

    async def _read_cost(self) -> Cost:
        settings = self._syncs.settings
        async with self._syncs.using_catalog() as catalog:
            return await catalog_cost(
                catalog, price=settings.list_price, every_seconds=settings.every
            )

    async def _read_health(self) -> Health:
        settings = self._syncs.settings
        async with make_source(settings) as source, self._catalog_as_it_is() as catalog:
            return await check_health(
                catalog,
                source,
                every_seconds=settings.every,
                quota_bytes=settings.database_quota,
            )

    @asynccontextmanager
    async def _catalog_as_it_is(self) -> AsyncIterator[Catalog]:
        """Also with a damaged schema."""
        try:
            await self._syncs.catalog()
        except SchemaError:
            async with open_catalog(self._syncs.settings, verify=False) as catalog:
                yield catalog
        else:
            async with self._syncs.using_catalog() as catalog:
                yield catalog

    async def _probe_catalog(self) -> datetime:
        try:
            async with asyncio.timeout(PROBE_SECONDS), self._syncs.using_catalog() as catalog:
                return (await catalog.summary()).at
        except TimeoutError:
            raise CatalogUnreachable(
                f"The catalog gives no answer within {PROBE_SECONDS:.0f} s.",
                hint="Check whether the database runs, and the network.",
            ) from None

    async def _probe_bucket(self) -> timedelta:
        began = time.monotonic()
        await try_bucket(self._syncs.settings)
        return timedelta(seconds=time.monotonic() - began)

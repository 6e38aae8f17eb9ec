"""Syncs in this process, one after the other: what the worker and the server share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.connect import Opener, make_source, open_catalog, sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import CatalogError, CatalogUnreachable, LeaseHeld, S3SyncError
from s3sync_tui.events import Event, PhaseProgress, RunFinished, RunStarted, Sink
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.model import ModeChoice, RunMode, RunResult, RunStatus
from s3sync_tui.phases import Phase
from s3sync_tui.settings import Settings
from s3sync_tui.setup.attempts import try_bucket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The run that goes on here, and how far it is."""

    run_id: int | None
    """None of a dry run."""
    started_at: datetime
    mode: RunMode
    mode_reason: str
    dry_run: bool
    phases: Mapping[Phase, PhaseProgress] = field(default_factory=dict)
    """The newest word of each phase; empty of those that have said nothing yet."""


class Syncs:
    """Syncs of some settings, one at a time in this process.

    As a context manager: leaving it stops the run under way, cleanly, and closes the catalog.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalog: _OpenCatalog | None = None
        self._opening = asyncio.Lock()
        self._sinks: list[Sink] = []
        self._works: set[asyncio.Task[RunResult]] = set()
        self._is_dry = False
        self._under_way: UnderWay | None = None
        self._last: RunResult | None = None

    async def __aenter__(self) -> Syncs:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cancel()
        await self._let_go_of_catalog()

    @property
    def settings(self) -> Settings:
        """Those of the next run."""
        return self._settings

    @property
    def under_way(self) -> UnderWay | None:
        """The run that goes on here, from when it holds its lease until it has ended."""
        return self._under_way

    @property
    def last(self) -> RunResult | None:
        """How the last run here ended, once one has begun; dry runs do not count."""
        return self._last

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """From now on ``sink`` hears every event of every run, in this process's loop; it must
        not raise, nor wait. Returns how to unsubscribe."""
        self._sinks.append(sink)
        return lambda: self._sinks.remove(sink)

    async def catalog(self) -> Catalog:
        """The catalog, kept open. After :meth:`reload` and :meth:`doubt_catalog` another one:
        ask anew each time.

        Raises :class:`~s3sync_tui.errors.CatalogError` and
        :class:`~s3sync_tui.errors.SchemaError`.
        """
        return (await self._opened()).catalog

    @asynccontextmanager
    async def using_catalog(self) -> AsyncIterator[Catalog]:
        """The catalog, which nobody closes before this ends; doubted where it turns out not to
        answer. Raises as :meth:`catalog` does."""
        opened = await self._opened()
        opened.users += 1
        try:
            yield opened.catalog
        except CatalogUnreachable:
            if opened.is_wanted:  # else there is another one by now
                await self.doubt_catalog()
            raise
        finally:
            opened.users -= 1
            await opened.close_if_unused()

    async def doubt_catalog(self) -> None:
        """It did not answer somebody: who asks next gets one that is opened anew."""
        await self._let_go_of_catalog()

    async def look(self) -> timedelta | None:
        """See that catalog and bucket answer. Returns how long ago the last run that succeeded
        began, by the database's clock; None where none is among the newest 50.

        Raises what :meth:`run` raises where it could not begin, and
        :class:`~s3sync_tui.errors.BucketError`.
        """
        settings = self._settings
        async with self.using_catalog() as catalog:
            history = await catalog.history()
        await try_bucket(settings)
        ours = (settings.bucket, settings.prefix)
        for run in history.runs:
            if run.status is RunStatus.SUCCEEDED and (run.bucket, run.prefix) == ours:
                return history.at - run.started_at
        return None

    async def reload(self, settings: Settings) -> None:
        """From now on sync by these. A run that is under way goes on by those it began with."""
        self._settings = settings
        await self._let_go_of_catalog()

    async def run(self, mode: ModeChoice | None = None, *, dry_run: bool = False) -> RunResult:
        """One sync, in ``mode`` or as the settings have it.

        Raises :class:`~s3sync_tui.errors.S3SyncError` where it could not begin
        (:class:`~s3sync_tui.errors.LeaseHeld`: a run is under way, here or elsewhere), and for
        a fault that nobody foresaw, whose traceback is logged. What goes wrong later is in the
        result. When this is cancelled, the run has ended as cancelled before it raises; a run
        that :meth:`cancel` stops returns as cancelled.
        """
        if self._works and (dry_run or self._is_dry):  # there is no lease that could tell
            raise LeaseHeld(
                "A run is under way here, and one of the two is a dry run.",
                hint="A dry run takes no lease: start it, or what is to follow it, alone.",
            )
        self._is_dry = dry_run
        run = _Run(dry_run)
        work = asyncio.create_task(self._work(run, mode))
        self._works.add(work)
        work.add_done_callback(self._works.discard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                work.cancel()
                await asyncio.wait({work})
                raise
            if run.result is not None:
                return run.result
            raise S3SyncError(
                "The run was cancelled before it began.", hint="Nothing was changed."
            ) from None

    async def cancel(self) -> None:
        """Stop the run under way, and wait for its clean end; nothing where there is none."""
        works = list(self._works)
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)

    async def _work(self, run: _Run, mode: ModeChoice | None) -> RunResult:
        settings = self._settings
        try:
            async with make_source(settings) as source, self.using_catalog() as catalog:
                options = sync_options(settings, dry_run=run.is_dry, mode=mode)
                sink = partial(self._hear, run)
                result = await sync(source, catalog, options, sink, opener=Opener(settings))
                if result.exit_code == CatalogError.exit_code:
                    await self.doubt_catalog()
                return result
        except S3SyncError:
            raise
        except Exception as fault:
            log.exception("The sync met a fault that nobody foresaw.")
            raise fault_of_ours(fault) from fault
        finally:
            self._is_over(run)

    def _hear(self, run: _Run, event: Event) -> None:
        match event:
            case RunStarted():
                self._show(run, _began(event, is_dry=run.is_dry))
            case PhaseProgress() if run.shown is not None and self._under_way is run.shown:
                phases = {**run.shown.phases, event.phase: event}
                self._show(run, replace(run.shown, phases=phases))
            case RunFinished(result):
                run.result = result
                if not run.is_dry:
                    self._last = result
                self._is_over(run)
        for sink in tuple(self._sinks):
            sink(event)

    def _show(self, run: _Run, under_way: UnderWay) -> None:
        self._under_way = run.shown = under_way

    def _is_over(self, run: _Run) -> None:
        if self._under_way is run.shown:  # not that of whoever has taken over
            self._under_way = None

    async def _opened(self) -> _OpenCatalog:
        async with self._opening:
            if self._catalog is None:
                stack = AsyncExitStack()
                catalog = await stack.enter_async_context(open_catalog(self._settings))
                self._catalog = _OpenCatalog(catalog, stack)
            return self._catalog

    async def _let_go_of_catalog(self) -> None:
        async with self._opening:
            opened, self._catalog = self._catalog, None
        if opened is not None:
            opened.is_wanted = False
            await opened.close_if_unused()


def _began(event: RunStarted, *, is_dry: bool) -> UnderWay:
    now = datetime.now(UTC)
    return UnderWay(event.run_id, now, event.mode, event.mode_reason, is_dry)


@dataclass(eq=False)
class _Run:
    """A run, from being asked for to its end."""

    is_dry: bool
    shown: UnderWay | None = None
    """What it has put under way last."""
    result: RunResult | None = None


@dataclass(eq=False)
class _OpenCatalog:
    """A catalog, and who keeps it open."""

    catalog: Catalog
    stack: AsyncExitStack
    users: int = 0
    is_wanted: bool = True
    """Whether who asks next is to get it."""

    async def close_if_unused(self) -> None:
        """Close it, unless somebody needs it still."""
        if not self.is_wanted and not self.users:
            await self.stack.aclose()

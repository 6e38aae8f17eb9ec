"""Reads figures and health again and again, and shows them: what moves between runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from s3sync_tui.errors import S3SyncError
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.model import RunRecord
from s3sync_tui.tui.link import Link
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.verdict import RETRY_SECONDS, state_of, state_of_error

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health

FIGURES_SECONDS = 5
HEALTH_SECONDS = 60
FOLLOW_SECONDS = 1
"""While another host syncs, whose progress is in its run's row."""

_WHY = {
    Standing.CATALOG_UNREACHABLE: "The catalog does not answer.",
    Standing.SCHEMA_MISSING: "The schema is missing: f applies it.",
}

log = logging.getLogger(__name__)


class Readings:
    """What was last read. Nothing that goes wrong here ends the app: it is shown, and
    read again."""

    def __init__(
        self,
        link: Link,
        dashboard: Dashboard,
        *,
        is_syncing: Callable[[], bool],
        now: Callable[[], datetime],
        on_runs: Callable[[], None],
    ) -> None:
        self._link = link
        self._dashboard = dashboard
        self._is_syncing = is_syncing
        self._now = now
        self._on_runs = on_runs
        self._figures_wanted = asyncio.Event()
        self._health_wanted = asyncio.Event()
        self._is_known = False
        self.runs: list[RunRecord] = []
        """The newest first."""
        self.growth: Growth | None = None
        self.cost: Cost | None = None
        self.health: Health | None = None

    def refresh(self) -> None:
        """Read all of it again now."""
        self._figures_wanted.set()
        self._health_wanted.set()

    async def keep_figures(self) -> None:
        """For as long as the app lives."""
        while self._dashboard.is_alive:
            self._figures_wanted.clear()
            try:
                await self._read_figures()
                wait = float(FIGURES_SECONDS)
                if self._dashboard.state.standing is Standing.OTHER_HOST:
                    await self._follow()
                    wait = 0
            except S3SyncError as error:
                wait = self._cannot(error)
            except Exception as fault:  # noqa: BLE001
                wait = self._cannot(fault_of_ours(fault))
            await _pause(wait, self._figures_wanted)

    async def keep_health(self) -> None:
        """For as long as the app lives."""
        while self._dashboard.is_alive:
            self._health_wanted.clear()
            try:
                self.health = await self._link.health()
                if self._dashboard.is_alive:  # else the app has ended meanwhile
                    self._dashboard.show_health(self.health)
                    self._show_state()
            except S3SyncError as error:
                log.warning("health: %s", error.message)
            except Exception as fault:  # noqa: BLE001
                log.error("health: %s", fault_of_ours(fault).message)  # noqa: TRY400  # the traceback is in fault.log
            is_out = self._dashboard.state.standing is Standing.BUCKET_UNREACHABLE
            await _pause(RETRY_SECONDS if is_out else HEALTH_SECONDS, self._health_wanted)

    async def _read_figures(self) -> None:
        figures = await self._link.figures()
        if not self._dashboard.is_alive:
            return
        self.runs, self.growth, self.cost = figures.runs, figures.growth, figures.cost
        self._is_known = True
        self._dashboard.show_catalog(figures.catalog)
        self._dashboard.show_history(figures.runs)
        self._on_runs()
        self._dashboard.show_growth(figures.growth)
        self._dashboard.show_cost(figures.cost)
        self._show_state()

    async def _follow(self) -> None:
        """The other host's run alone, until it is over or ours are asked for."""
        while not self._figures_wanted.is_set() and not self._is_syncing():
            await _pause(FOLLOW_SECONDS, self._figures_wanted)
            self.runs = await self._link.runs()
            if not self._dashboard.is_alive:
                return
            self._dashboard.show_history(self.runs)
            self._on_runs()
            self._show_state()
            if self._dashboard.state.standing is not Standing.OTHER_HOST:
                return

    def _show_state(self) -> None:
        if self._is_known and not self._is_syncing():
            self._dashboard.show_state(state_of(self.runs, self.health, self._now()))

    def _cannot(self, error: S3SyncError) -> float:
        self._is_known = False
        if self._dashboard.is_alive and not self._is_syncing():
            state = state_of_error(error, self._now())
            self._dashboard.show_state(state)
            self._dashboard.say_unknown(_WHY.get(state.standing, "It could not be read."))
        return RETRY_SECONDS


async def _pause(seconds: float, wanted: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wanted.wait()

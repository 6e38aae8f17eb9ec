"""The worker: a schedule kept, notifications received, settings read anew, systemd told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from s3sync_tui.connect import no_bucket
from s3sync_tui.errors import S3SyncError
from s3sync_tui.headless.lines import log_error
from s3sync_tui.headless.receiving import keep_receiving
from s3sync_tui.headless.schedule import DEFAULT_EVERY_SECONDS, Schedule
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.headless.systemd import Systemd
from s3sync_tui.headless.watch import keep_syncing, log_if_cancelled
from s3sync_tui.settings import SETTINGS, Settings
from s3sync_tui.settings.given import shown

log = logging.getLogger(__name__)


async def work(load: Callable[[], Settings]) -> None:
    """Keep syncing until cancelled; a run under way then ends as cancelled. ``load`` reads the
    settings, now and at each SIGHUP.

    Raises :class:`~s3sync_tui.errors.SettingsError` where they will not do at the start. After
    that they are refused, and the old ones stay.
    """
    settings = load()
    if settings.bucket is None:
        raise no_bucket()
    async with Syncs(settings) as syncs:
        await _Worker(syncs, load, Systemd(os.environ)).work()


class _Worker:
    def __init__(self, syncs: Syncs, load: Callable[[], Settings], systemd: Systemd) -> None:
        self._syncs = syncs
        self._load = load
        self._systemd = systemd
        self._is_ready = False
        self._schedules: asyncio.Queue[Schedule] = asyncio.Queue()
        self._reloads = asyncio.Event()
        self._has_terminal = sys.stderr.isatty()

    async def work(self) -> None:
        """Until cancelled, or a fault that nobody foresaw."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        self._syncs.subscribe(log_if_cancelled)
        syncing = loop.create_task(
            keep_syncing(self._syncs, self._schedule(), told=self._told, schedules=self._schedules)
        )
        beside: list[Coroutine[Any, Any, None]] = [self._keep_reading(), self._keep_alive(syncing)]
        tasks = {syncing, *map(loop.create_task, beside)}
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            self._systemd.stopping()
            loop.remove_signal_handler(signal.SIGHUP)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _schedule(self) -> Schedule:
        return Schedule(self._syncs.settings.every or DEFAULT_EVERY_SECONDS)

    def _told(self, line: str) -> None:
        self._systemd.status(line)
        if not self._is_ready:
            self._is_ready = True
            self._systemd.ready()

    def _hang_up(self) -> None:
        """SIGHUP: settings are to be read anew; or the terminal that this ran in is gone."""
        if self._has_terminal and not sys.stderr.isatty():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._reloads.set()

    async def _keep_reading(self) -> None:
        """Receive by the settings there are; and read them anew as often as is asked for."""
        while True:
            receiving = asyncio.create_task(keep_receiving(self._syncs))
            try:
                while not await self._read_anew():
                    pass
            finally:
                receiving.cancel()
                await asyncio.wait({receiving})

    async def _read_anew(self) -> bool:
        """Once that is asked for; whether anything has changed."""
        await self._reloads.wait()
        self._reloads.clear()
        self._systemd.reloading()
        try:
            settings = self._load()
            if settings.bucket is None:
                raise no_bucket()
        except S3SyncError as error:
            log_error(log, error, "the settings are refused, the old ones stay: ")
            return False
        else:
            changes = changed(self._syncs.settings, settings)
            log.info("settings read anew: %s", "; ".join(changes) or "nothing has changed")
            if changes:
                await self._syncs.reload(settings)
                self._schedules.put_nowait(self._schedule())
            return bool(changes)
        finally:
            self._systemd.ready()

    async def _keep_alive(self, syncing: asyncio.Task[None]) -> None:
        """As long as this loop goes round and the schedule is kept, systemd hears of it."""
        while self._systemd.watchdog_seconds is not None and not syncing.done():
            self._systemd.alive()
            await asyncio.sleep(self._systemd.watchdog_seconds / 2)
        await asyncio.Event().wait()


def changed(old: Settings, new: Settings) -> list[str]:
    """What is other in ``new``, for people: ``every 300 → 600``; of secrets only that."""
    changes = []
    for setting in SETTINGS:
        before, after = getattr(old, setting.name), getattr(new, setting.name)
        if before == after:
            continue
        if setting.is_secret:
            changes.append(f"{setting.file_key} is another")
        else:
            changes.append(f"{setting.file_key} {_text(before)} → {_text(after)}")
    return changes


def _text(value: object) -> str:
    return "none" if value is None else shown(value)

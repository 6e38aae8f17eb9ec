"""Notifications received beside the schedule, for as long as there is a queue to ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from s3sync_tui.connect import open_receiver
from s3sync_tui.engine.backoff import Backoff
from s3sync_tui.engine.received import Received
from s3sync_tui.errors import S3SyncError
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.headless.lines import log_error
from s3sync_tui.headless.syncs import Syncs

log = logging.getLogger(__name__)

LINE_SECONDS = 60.0
FIRST_DELAY_SECONDS = 5.0
MOST_DELAY_SECONDS = 300.0


async def keep_receiving(
    syncs: Syncs, sink: Callable[[Received], None] = lambda _received: None
) -> None:
    """Receive what the settings' queue holds, until cancelled; where they name none, only wait
    for that. What ends it otherwise is logged, and it is tried again, at last every five minutes.

    A line of the log a minute, where something came; ``sink`` gets the counters, which begin
    anew with each new try.
    """
    backoff = Backoff(FIRST_DELAY_SECONDS, MOST_DELAY_SECONDS)
    while syncs.settings.sqs is not None:
        account = _Account(sink)
        try:
            await _receive(syncs, account)
            continue
        except S3SyncError as error:
            problem = error
        except Exception as fault:
            log.exception("Receiving met a fault that nobody foresaw.")
            problem = fault_of_ours(fault)
        if account.has_received:
            backoff.succeeded()
        delay = backoff.failed()
        log_error(log, problem, "notifications: ", f" Trying again in {delay:.0f} s.")
        await asyncio.sleep(delay)
    await asyncio.Event().wait()


async def _receive(syncs: Syncs, account: _Account) -> None:
    async with open_receiver(syncs.settings, syncs.catalog, account.take) as receiver:
        log.info("notifications are received from %s", syncs.settings.sqs)
        telling = asyncio.create_task(account.keep_telling())
        try:
            await receiver.run()
        finally:
            telling.cancel()
            account.tell()


class _Account:
    """What has come, told now and then."""

    def __init__(self, sink: Callable[[Received], None]) -> None:
        self._sink = sink
        self._now = self._told = Received()

    @property
    def has_received(self) -> bool:
        """Whether anything came."""
        return self._now.messages > 0

    def take(self, received: Received) -> None:
        """The counters as they are now."""
        self._now = received
        self._sink(received)

    async def keep_telling(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LINE_SECONDS)
            self.tell()

    def tell(self) -> None:
        """What came since the last time; nothing where nothing did."""
        news = {
            field.name: getattr(self._now, field.name) - getattr(self._told, field.name)
            for field in fields(Received)
            if field.name != "lag_seconds"
        }
        self._told = self._now
        if any(news.values()):
            lag = self._now.lag_seconds
            log.info("%s", _line(news, lag), extra={"fields": {**news, "lag_seconds": lag}})


def _line(news: dict[str, Any], lag_seconds: float | None) -> str:
    counts = [_count(number, name.replace("_", " ")) for name, number in news.items() if number]
    lag = "" if lag_seconds is None else f", {lag_seconds:,.1f} s behind"
    return f"notifications: {', '.join(counts)}{lag}"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name.removesuffix('s') if number == 1 else name}"

"""Log lines, on their way to the log drawer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from s3sync_tui.tui.screens.dashboard import Dashboard


@contextmanager
def logs_on_screen(dashboard: Dashboard) -> Iterator[None]:
    """Show what is logged meanwhile."""
    handler = _ToScreen(dashboard, asyncio.get_running_loop())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _ToScreen(logging.Handler):
    """Takes records from whatever thread they come."""

    def __init__(self, dashboard: Dashboard, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._dashboard, self._loop = dashboard, loop

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(self._write, record)

    def _write(self, record: logging.LogRecord) -> None:
        if self._dashboard.is_alive:
            self._dashboard.write_log(record)

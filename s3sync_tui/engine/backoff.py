"""How long to wait before the next try, of something that may be away for long."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress

from s3sync_tui.errors import S3SyncError

log = logging.getLogger(__name__)


class Backoff:
    """Waits that double up to ``most_seconds``, each between half of that and all of it."""

    def __init__(self, first_seconds: float = 1.0, most_seconds: float = 60.0) -> None:
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._failures = 0

    def failed(self) -> float:
        """Another try has failed; returns how long to wait before the next."""
        bound = min(self._first_seconds * 2.0 ** min(self._failures, 30), self._most_seconds)
        self._failures += 1
        return random.uniform(bound / 2, bound)  # noqa: S311  # no secret

    async def wait(self, what: str, error: S3SyncError, ends: asyncio.Event) -> None:
        """``what`` is away: say so and wait for it, but not beyond ``ends``."""
        seconds = self.failed()
        log.warning("The %s is waited for, %.0f s: %s %s", what, seconds, error, error.hint)
        with suppress(TimeoutError):
            await asyncio.wait_for(ends.wait(), seconds)

    def succeeded(self) -> None:
        """All is well again."""
        self._failures = 0

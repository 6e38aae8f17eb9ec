"""Work that is stopped, in an orderly way, where it takes too long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from s3sync_tui.errors import TimedOut

T = TypeVar("T")


async def in_time(work: Coroutine[Any, Any, T], seconds: float, limit: str) -> T:
    """Do ``work``; cancel it after so many ``seconds``, which people know as ``limit``.

    Raises :class:`~s3sync_tui.errors.TimedOut` once ``work`` has ended after that.
    """
    late = TimedOut(
        f"The sync did not end within {limit}.",
        hint="Nothing is lost: the next run goes on from here. A first sync may need longer: "
        "raise --timeout, or run it once without.",
    )
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if not task.done():
        task.cancel(late.message)  # the run's row gives it as the reason
        await asyncio.wait({task})
        if task.cancelled():
            raise late
    return task.result()

"""Calls that end, whatever becomes of the one who is to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_INSIST_SECONDS = 1.0


async def within(seconds: float, call: Coroutine[Any, Any, _T]) -> _T:
    """What ``call`` returns. Raises TimeoutError where that takes longer than ``seconds``.

    ``call`` has ended when this ends, also when this is cancelled. A task of its own, for two
    reasons: psycopg waits by asyncio.wait_for, which before Python 3.12 can swallow a
    cancellation that comes together with the answer (python/cpython#86296); and cancelled once,
    it asks the server to cancel the statement and waits for that, be the server silent or not.
    """
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _end(task)
        raise
    if not task.done():
        await _end(task)
        if task.cancelled():
            raise TimeoutError
    return task.result()


async def _end(task: asyncio.Task[_T]) -> None:
    """Cancel ``task`` until it has ended: each time it gives up one more thing that it waits
    for."""
    is_cancelled = False
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=_INSIST_SECONDS)
        except asyncio.CancelledError:
            is_cancelled = True
    if not task.cancelled():
        task.exception()  # seen: it may have failed just now
    if is_cancelled:
        raise asyncio.CancelledError

"""What comes one by one, taken together where that costs no time worth speaking of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def gather(
    source: asyncio.Queue[T | None],
    most: int,
    seconds: float,
    size: Callable[[T], int] = lambda _item: 1,
) -> list[T]:
    """What comes within ``seconds`` of the first, until its sizes reach ``most``. None in
    ``source`` is the end: what came before it is given, and then nothing."""
    gathered: list[T] = []
    item = await source.get()
    filled = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while item is not None:
                gathered.append(item)
                filled += size(item)
                if filled >= most:
                    break
                item = await source.get()
    if item is None and gathered:
        source.put_nowait(None)  # the end has come: next time
    return gathered

"""Key ranges: where to cut them, and how to list many of them at once."""

from __future__ import annotations

import asyncio
import string
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from s3sync_tui.errors import BucketError, BucketUnreachable
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.base import Source

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def prefix_cuts(
    prefix: str, common_prefixes: Iterable[str], span: KeyRange, parts: int, *, truncated: bool
) -> list[str]:
    """Where to cut ``span``, as one listing of ``prefix`` with a delimiter shows it.

    Its common prefixes are the natural places. A long listing without any is
    flat: its keys begin with a letter or a digit, in most buckets.
    """
    found = list(common_prefixes)
    if not found and truncated:
        found = [prefix + character for character in _ALPHABET]
    inside = [cut for cut in found if span.after < cut < span.up_to]
    return _thinned(inside, parts - 1)


async def list_in_parallel(
    source: Source,
    spans: Iterable[KeyRange],
    *,
    concurrency: int,
    deliver: Callable[[ObjectPage], Awaitable[None]],
    failed: Callable[[KeyRange, BucketError], None],
) -> None:
    """List ``spans``, ``concurrency`` at a time, in order of their start.

    Every page goes to ``deliver``; while that waits, its range waits. A range
    that stays unreachable is handed to ``failed``, without what was delivered,
    and the others go on. Whatever else is raised, by the source or by
    ``deliver``, ends all of it and is raised here as it is.
    """
    waiting = deque(spans)

    async def work() -> None:
        while waiting:
            span = waiting.popleft()
            delivered = span.after
            pages = source.pages(span)
            while True:
                try:
                    page = await anext(pages)
                except StopAsyncIteration:
                    break
                except BucketUnreachable as error:
                    failed(KeyRange(delivered, span.up_to), error)
                    break
                await deliver(page)
                delivered = page.span.up_to

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(concurrency, len(waiting))):
                workers.create_task(work())
    except ExceptionGroup as group:
        # The first is the cause; the others are workers that met the same fault.
        raise group.exceptions[0] from None


def _thinned(cuts: Sequence[str], at_most: int) -> list[str]:
    if len(cuts) <= at_most:
        return list(cuts)
    return [cuts[(i + 1) * len(cuts) // (at_most + 1)] for i in range(at_most)]

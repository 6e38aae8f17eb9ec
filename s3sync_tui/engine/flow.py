"""What flows between the stages of a run: a bounded queue, batches of rows, and faults."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from s3sync_tui.model import Rows

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """A queue bounded by the weight of what it holds, which ends when it is closed.

    One item is always let in, however heavy, so that none can block for ever.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, item: T, weight: int) -> None:
        """Wait for room, then add ``item``."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._items or self._weight + weight <= self._capacity
            )
            self._items.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    async def take(self, at_most: int) -> list[T]:
        """What is there, up to ``at_most`` items; empty once the queue is closed
        and used up."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._closed)
            taken: list[T] = []
            while self._items and len(taken) < at_most:
                item, weight = self._items.popleft()
                self._weight -= weight
                taken.append(item)
            self._changed.notify_all()
            return taken

    async def close(self) -> None:
        """Nothing more will be put."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()


class Batcher:
    """Gathers rows and hands them on ``size`` at a time."""

    def __init__(self, size: int, emit: Callable[[Rows], Awaitable[None]]) -> None:
        self._size = size
        self._emit = emit
        self._gathered = Rows([], [], [], [])

    async def add(self, rows: Rows) -> None:
        """Take ``rows`` over; waits while the batches are not taken."""
        gathered = self._gathered
        gathered.keys.extend(rows.keys)
        gathered.etags.extend(rows.etags)
        gathered.sizes.extend(rows.sizes)
        gathered.modified.extend(rows.modified)
        # Cut off before waiting: others may add in the meantime.
        full = len(gathered) // self._size * self._size
        batches = [gathered.slice(i, i + self._size) for i in range(0, full, self._size)]
        self._gathered = gathered.slice(full, len(gathered)) if full else gathered
        for batch in batches:
            await self._emit(batch)

    async def flush(self) -> None:
        """Hand on what is left."""
        rest, self._gathered = self._gathered, Rows([], [], [], [])
        if len(rest):
            await self._emit(rest)


@contextmanager
def one_fault() -> Iterator[None]:
    """Of the faults that end a group of tasks, the first alone is raised: the others are of
    tasks that met the same, or its end."""
    task = asyncio.current_task()
    cancelled = task.cancelling() if task is not None else 0
    try:
        yield
    except ExceptionGroup as group:
        # A group that fails while it is being left cancels the task that leaves it, and before
        # Python 3.13 never takes that back: whatever the task did next would be taken for
        # cancelled, too. From then on what is left is somebody else's, and to be obeyed.
        if sys.version_info < (3, 13):
            while task is not None and task.cancelling() > cancelled:
                task.uncancel()
        fault = _first(group)
        raise fault from fault.__cause__


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    fault = group.exceptions[0]
    return _first(fault) if isinstance(fault, BaseExceptionGroup) else fault

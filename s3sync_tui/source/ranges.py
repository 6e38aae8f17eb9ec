"""Many key ranges listed at once, and cut anew while they are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from s3sync_tui.errors import BucketError, BucketUnreachable
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.base import Source
from s3sync_tui.source.plan import Part, Plan


class Others(Protocol):
    """Who else lists parts of the same ranges."""

    @property
    def are_busy(self) -> bool:
        """Whether any of them may still give something."""

    def ask(self) -> None:
        """Somebody here has nothing to list: what is given comes by
        :meth:`Listing.take_over`, and when nothing will, by :meth:`Listing.look_again`."""


class Alone:
    """Nobody else does."""

    are_busy = False

    def ask(self) -> None:
        """Nothing comes."""


class Listing:
    """Lists key ranges, several requests at a time.

    Who has nothing to list takes over the further part of the range with most left, at one
    of the spans' own bounds if it can, else at a guess; so all are busy to the end, however
    the spans were cut. Every key comes once.
    """

    def __init__(
        self,
        source: Source,
        spans: Iterable[KeyRange],
        *,
        concurrency: int,
        deliver: Callable[[ObjectPage], Awaitable[None]],
        failed: Callable[[KeyRange, BucketError], None],
        others: Others | None = None,
    ) -> None:
        """``spans`` do not overlap. Every page goes to ``deliver``; while that waits, its
        range waits. A range that stays unreachable is handed to ``failed``, without what was
        delivered, and the others go on."""
        self.plan = Plan(spans, concurrency)
        self.streams = concurrency
        """Requests in flight at once; may be lowered on the way, where others take over."""
        self._source = source
        self._working = 0
        self._deliver = deliver
        self._failed = failed
        self._others = others or Alone()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._woken = 0
        """Who was idle, and has not looked again yet."""

    async def run(self) -> None:
        """List all of it. Whatever else is raised, by the source or by ``deliver``, ends
        all of it and is raised here as it is."""
        if self._is_over:
            return
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self.streams):
                    workers.create_task(self._work())
        except ExceptionGroup as group:
            # The first is the cause; the others are workers that met the same fault.
            raise group.exceptions[0] from None

    async def lend(self) -> Part | None:
        """A part for somebody else to list, as soon as there is one worth it; None once all
        is listed."""
        return await self._wait_for(self.plan.give)

    def give(self) -> Part | None:
        """A part for somebody else at once; None where there is nothing worth it, or somebody
        here waits for something himself: else two could hand one part to and fro for ever."""
        return None if self._idle or self._woken else self.plan.give()

    def take_over(self, part: Part) -> None:
        """List what somebody else has given, too."""
        self.plan.add(part)
        self.look_again()

    def look_again(self) -> None:
        """One of the idle may look again; if that is for nothing, so it would be for all."""
        while self._idle:
            turn = self._idle.popleft()
            if not turn.done():
                self._woken += 1
                turn.set_result(None)
                return

    @property
    def idle(self) -> int:
        """How many wait for something to list."""
        return len(self._idle)

    @property
    def _is_over(self) -> bool:
        return self.plan.is_over and not self._others.are_busy

    async def _work(self) -> None:
        self._working += 1
        while not self._is_one_too_many and (part := await self._wait_for(self.plan.next)):
            try:
                while part.after < part.up_to and not self._is_one_too_many:
                    try:
                        await self._list(part)
                    except _Unreachable as given_up:
                        self._failed(self.plan.skip(part), given_up.error)
            finally:
                if part.after < part.up_to:
                    self.plan.put_back(part)
                else:
                    self.plan.finished(part)
                self.look_again()
        self._working -= 1

    @property
    def _is_one_too_many(self) -> bool:
        return self._working > max(1, self.streams)

    async def _wait_for(self, find: Callable[[], Part | None]) -> Part | None:
        """What ``find`` finds; waits until there is something worth a request. None once all
        is listed."""
        while (part := find()) is None:
            if self._is_over:
                break
            self._others.ask()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(turn)
            await turn
            self._woken -= 1
        self.look_again()
        return part

    async def _list(self, part: Part) -> None:
        pages = self._source.pages(KeyRange(part.after, part.up_to))
        while part.after < part.up_to and not self._is_one_too_many:
            try:
                page = await anext(pages)
            except BucketUnreachable as error:
                raise _Unreachable(error) from error
            if page.span.up_to > part.up_to:  # cut while the answer was under way
                if page.rejected:  # nobody can tell where these are: asked anew
                    return
                page = page.until(part.up_to)
            self.plan.listed(part, page)
            self.look_again()
            await self._deliver(page)


class _Unreachable(Exception):
    """The source has given up; ``deliver`` may raise the same error for reasons of its own."""

    def __init__(self, error: BucketUnreachable) -> None:
        super().__init__()
        self.error = error

"""How many requests may be under way at once: as many as the bucket bears."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType


class Throttle:
    """An adaptive limit: halved when the bucket says ``SlowDown``, raised by one
    after each ``ceiling`` successes (additive increase, multiplicative decrease).

    S3 answers 503 SlowDown above about 5,500 reads a second for each partitioned
    prefix and asks for fewer requests:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    """

    def __init__(
        self,
        ceiling: int,
        *,
        window_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if ceiling < 1:
            raise ValueError("at least one request must be allowed")
        self.ceiling = ceiling
        self.limit = ceiling
        self.active = 0
        self._window_seconds = window_seconds
        self._clock = clock
        self._halved_at = float("-inf")
        self._successes = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.active < self.limit and not self._waiters:
            self.active += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot was given just before
                self._release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def succeeded(self) -> None:
        """A request was answered well."""
        self._successes += 1
        if self._successes >= self.ceiling and self.limit < self.ceiling:
            self._successes = 0
            self.limit += 1
            self._admit()

    def slow_down(self) -> None:
        """The bucket asks for less. All requests that were under way will be told
        the same, which is one reason to halve, not many."""
        self._successes = 0
        now = self._clock()
        if now - self._halved_at >= self._window_seconds:
            self._halved_at = now
            self.limit = max(1, self.limit // 2)

    def _release(self) -> None:
        self.active -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiters and self.active < self.limit:
            turn = self._waiters.popleft()
            if not turn.done():
                self.active += 1
                turn.set_result(None)

"""Messages that were received and wait here: kept hidden from everybody else."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from s3sync_tui.errors import QueueError
from s3sync_tui.source.messages import Message, Queue

log = logging.getLogger(__name__)

LONGEST_SECONDS = 41_400
"""SQS hides a message for 12 hours after a receive, however often that is extended, and
refuses to hide it for longer."""
_FIRST_BACK_SECONDS = 60


@dataclass(slots=True)
class _Hidden:
    message: Message
    size: int
    since: float
    until: float


class Held:
    """The messages that are here, at most of about the size ``most``."""

    def __init__(
        self, queue: Queue, most: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._most = most
        self._clock = clock
        self._hidden: dict[str, _Hidden] = {}
        self._size = 0
        self.has_room = asyncio.Event()
        self.has_room.set()

    def __len__(self) -> int:
        return len(self._hidden)

    def add(self, messages: Iterable[Message], *, size: int = 1) -> None:
        """They have just been received; ``size`` is what each takes of the room."""
        now = self._clock()
        until = now + self._queue.visibility_seconds
        for message in messages:
            self._hidden[message.receipt] = _Hidden(message, size, now, until)
            self._size += size
        self._note_room()

    def drop(self, messages: Iterable[Message]) -> None:
        """They are deleted, or may come back when they are no longer hidden."""
        for message in messages:
            hidden = self._hidden.pop(message.receipt, None)
            self._size -= 0 if hidden is None else hidden.size
        self._note_room()

    async def keep(self) -> None:
        """Extend what hides them, well before it ends; until cancelled."""
        while True:
            await asyncio.sleep(self._queue.visibility_seconds / 6)
            try:
                await self.extend()
            except QueueError as error:
                log.warning("Messages that wait here may come back early: %s", error)

    async def extend(self) -> None:
        """Extend what hides those that were hidden for half of their time.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        now = self._clock()
        span = self._queue.visibility_seconds
        due = [hidden for hidden in self._hidden.values() if hidden.until - now <= span / 2]
        fresh = [hidden for hidden in due if now - hidden.since < LONGEST_SECONDS]
        if len(fresh) < len(due):
            log.warning("%d messages waited for 11 hours and come back.", len(due) - len(fresh))
            self.drop(hidden.message for hidden in due if hidden not in fresh)
        if not fresh:
            return
        left = await self._queue.hide([hidden.message for hidden in fresh], span)
        still = {message.receipt for message in left}
        for hidden in fresh:
            if hidden.message.receipt not in still:
                hidden.until = now + span

    async def put_off(self, message: Message) -> None:
        """It cannot be understood: let it come back. A queue without a dead-letter queue
        would bring it for days: there, ever less often.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        hidden = self._hidden.get(message.receipt)
        self.drop([message])
        if not self._queue.has_dead_letters:
            waited = 0 if hidden is None else math.ceil(self._clock() - hidden.since)
            doublings = min(message.receive_count - 1, 10)
            seconds = min(_FIRST_BACK_SECONDS * 2**doublings, LONGEST_SECONDS - waited)
            await self._queue.hide([message], max(0, seconds))

    async def release(self) -> None:
        """Give all of them back to the queue at once.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        messages = [hidden.message for hidden in self._hidden.values()]
        self.drop(messages)
        if messages:
            await self._queue.hide(messages, 0)

    def _note_room(self) -> None:
        if self._size < self._most:
            self.has_room.set()
        else:
            self.has_room.clear()

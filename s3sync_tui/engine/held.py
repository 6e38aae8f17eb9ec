"""Messages that were received and wait here: kept hidden from everybody else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from s3sync_tui.errors import QueueError
from s3sync_tui.source.messages import Message, Queue

log = logging.getLogger(__name__)

LONGEST_SECONDS = 11.5 * 3600
"""SQS hides a message for 12 hours after a receive, however often that is extended."""
_FIRST_BACK_SECONDS = 60
_LONGEST_BACK_SECONDS = 12 * 3600


@dataclass(slots=True)
class _Hidden:
    message: Message
    since: float
    until: float


class Held:
    """The messages that are here, at most about ``most`` of them."""

    def __init__(
        self, queue: Queue, most: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._most = most
        self._clock = clock
        self._hidden: dict[str, _Hidden] = {}
        self.has_room = asyncio.Event()
        self.has_room.set()

    def __len__(self) -> int:
        return len(self._hidden)

    def add(self, messages: Iterable[Message]) -> None:
        """They have just been received."""
        now = self._clock()
        until = now + self._queue.visibility_seconds
        for message in messages:
            self._hidden[message.receipt] = _Hidden(message, now, until)
        self._note_room()

    def drop(self, messages: Iterable[Message]) -> None:
        """They are deleted, or may come back when they are no longer hidden."""
        for message in messages:
            self._hidden.pop(message.receipt, None)
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
        await self._queue.hide([hidden.message for hidden in fresh], span)
        for hidden in fresh:
            hidden.until = now + span

    async def put_off(self, message: Message) -> None:
        """It cannot be understood: let it come back. A queue without a dead-letter queue
        would bring it for days: there, ever less often.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        self.drop([message])
        if not self._queue.has_dead_letters:
            doublings = min(message.receive_count - 1, 10)
            seconds = min(_FIRST_BACK_SECONDS * 2**doublings, _LONGEST_BACK_SECONDS)
            await self._queue.hide([message], seconds)

    async def release(self) -> None:
        """Give all of them back to the queue at once.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        messages = [hidden.message for hidden in self._hidden.values()]
        self._hidden.clear()
        self._note_room()
        if messages:
            await self._queue.hide(messages, 0)

    def _note_room(self) -> None:
        if len(self._hidden) < self._most:
            self.has_room.set()
        else:
            self.has_room.clear()

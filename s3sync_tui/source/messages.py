"""A queue of messages, as who receives from it needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_AT_ONCE = 10
"""Messages in one request of SQS's, and what one receive brings at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as one receive has brought it."""

    id: str
    receipt: str
    """What it is deleted by; another one each time that it is received."""
    body: str
    receive_count: int
    """How often it has been received, this time included; about so."""


class Queue(Protocol):
    """Where messages wait. Received, one is hidden for ``visibility_seconds``, and then comes
    back unless it was deleted."""

    description: str
    """For people: which queue, and where."""
    visibility_seconds: int
    """How long a receive hides what it brings; known once it is open."""

    @property
    def has_dead_letters(self) -> bool:
        """Whether the queue itself puts aside what has come back too often."""

    async def open(self) -> None:
        """Look at the queue.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """

    async def close(self) -> None:
        """Release connections."""

    async def receive(self, wait_seconds: int) -> list[Message]:
        """Up to ten messages, as soon as there are any, none after ``wait_seconds``. When this
        is cancelled, what still arrives goes back to the queue.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """

    async def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete them; returns those that could not be, which will come back.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """

    async def hide(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """Hide them for ``seconds`` from now on, 0 shows them; returns those that could not be.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """

"""``/api/events``: what runs say while they go on, as server-sent events.

The form: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from s3sync_tui.events import (
    BatchInserted,
    BucketListed,
    Event,
    PhaseProgress,
    RangeFailed,
    RunFinished,
    RunStarted,
)
from s3sync_tui.headless.report import as_json
from s3sync_tui.headless.server.answers import RETRY_SECONDS, Refusal, stopping
from s3sync_tui.headless.server.parameters import read_query
from s3sync_tui.headless.syncs import Syncs

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 3000
PAUSE_SECONDS = 0.1
"""Between two packets to a reader: what is cumulative comes together meanwhile."""
MOST_READERS = 32
MOST_WAITING = 1000
"""Events that a reader may not miss; one that has more of them waiting is let go, and gets
them again when it comes back."""
REMEMBERED = 200
STUCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """One event, written out."""

    number: int
    packet: bytes


class Reader:
    """One client's queue. Of what is cumulative only the newest waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._something = asyncio.Event()
        self._is_ended = False

    @property
    def is_through(self) -> bool:
        """All is taken, and nothing more will come."""
        return self._is_ended and not self._waiting

    def put(self, message: Message, replaces: str) -> None:
        """Take ``message`` in; where ``replaces`` names something, in place of the message that
        came by that name."""
        if self._is_ended:
            return
        name = replaces or str(message.number)
        self._waiting.pop(name, None)
        self._waiting[name] = message  # at the end: numbers rise
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self._is_ended = True
        self._something.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._is_ended = True
        self._something.set()

    async def take(self) -> list[Message]:
        """All that waits, as soon as there is something."""
        await self._something.wait()
        self._something.clear()
        taken = list(self._waiting.values())
        self._waiting.clear()
        return taken


class Stream:
    """The events of all runs here, for many readers."""

    def __init__(self, syncs: Syncs) -> None:
        self._readers: set[Reader] = set()
        self._kept: deque[Message] = deque(maxlen=REMEMBERED)
        self._begun: Message | None = None
        """Of the run under way."""
        self._run_id: int | None = None
        # Numbers rise over restarts, too, or a reader that comes back would miss something.
        self._number = time.time_ns() // 1_000_000
        self._is_closed = False
        syncs.subscribe(self._hear)

    async def events(self, request: Request) -> Response:
        """The events from now on; with ``Last-Event-ID``, from there on."""
        read_query(request)
        if self._is_closed:
            raise stopping()
        if len(self._readers) >= MOST_READERS:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_readers",
                f"{MOST_READERS} clients are reading events already.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        reader = Reader()
        seen = request.headers.get("last-event-id", "")
        if seen.isascii() and seen.isdecimal():
            for message in [each for each in self._kept if each.number > int(seen[:20])]:
                reader.put(message, "")
        elif self._begun is not None:
            reader.put(self._begun, "")
        self._readers.add(reader)
        return _Events(reader, self._readers)

    def close(self) -> None:
        """Send what waits, and end all streams."""
        self._is_closed = True
        for reader in self._readers:
            reader.end()

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run_id = event.run_id
        name, replaces, document = _told(event)
        self._number += 1
        data = json.dumps({"run_id": self._run_id, **document})
        packet = f"id: {self._number}\nevent: {name}\ndata: {data}\n\n"
        message = Message(self._number, packet.encode())
        if not replaces:
            self._kept.append(message)
        if isinstance(event, RunStarted | RunFinished):
            self._begun = message if isinstance(event, RunStarted) else None
        for reader in self._readers:
            reader.put(message, replaces)


def _told(event: Event) -> tuple[str, str, dict[str, Any]]:
    """An event's name, what it replaces (nothing: it must not be missed), and its figures."""
    match event:
        case RunStarted():
            return "run_started", "", asdict(event)
        case PhaseProgress():
            return "progress", f"progress {event.phase}", asdict(event)
        case BucketListed():
            return "listed", "", asdict(event)
        case BatchInserted():
            return "batch", "batch", asdict(event)
        case RangeFailed(span, reason):
            return "range_failed", "", {"after": span.after, "up_to": span.up_to, "reason": reason}
        case RunFinished(result):
            return "run_finished", "", as_json(result)


class _Events(Response):
    """The stream to one reader."""

    def __init__(self, reader: Reader, readers: set[Reader]) -> None:
        super().__init__(
            headers={"X-Accel-Buffering": "no"},  # nginx would collect it
            media_type="text/event-stream",
        )
        del self.headers["content-length"]
        self._reader = reader
        self._readers = readers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the reader has gone, or the stream has ended."""
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            writing = asyncio.create_task(self._write(send))
            leaving = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (writing, leaving):
                    task.cancel()
                await asyncio.wait({writing, leaving})
        finally:
            self._readers.discard(self._reader)

    async def _write(self, send: Send) -> None:
        async def put(packet: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(STUCK_SECONDS):
                await send({"type": "http.response.body", "body": packet, "more_body": more})

        with suppress(TimeoutError):
            await put(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
            while not self._reader.is_through:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        messages = await self._reader.take()
                except TimeoutError:
                    await put(b": nothing new\n\n")
                    continue
                if messages:
                    await put(b"".join([message.packet for message in messages]))
                if not self._reader.is_through:
                    await asyncio.sleep(PAUSE_SECONDS)
            await put(b"", more=False)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

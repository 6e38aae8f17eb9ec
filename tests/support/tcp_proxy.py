"""A TCP proxy before a Postgres that cuts connections, or falls silent, where a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from pathlib import Path


class Fault(Enum):
    """What becomes of a connection."""

    RESET = auto()
    SILENCE = auto()
    """Nothing passes any more, in either direction, not even its end: the peer acknowledges
    all, and the server knows nothing of it."""


class _FellSilent(Exception):
    """From here on nothing passes."""


class TcpProxy:
    """Forwards to the server's socket."""

    def __init__(self, server: Path) -> None:
        self.port = 0
        self.faults = 0
        self.is_down = False
        """New connections are accepted, and closed."""
        self.is_silent = False
        """New connections are accepted, and that is all; the others are silent, too."""
        self._server = server
        self._cuts: list[tuple[int, Fault]] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_over = asyncio.Event()

    def cut_after(self, size: int, fault: Fault) -> None:
        """Once so many more bytes have gone up, a ``fault`` befalls that connection."""
        self._cuts.append((size, fault))

    def move_to(self, server: Path) -> None:
        """Lead new connections to another server."""
        self._server = server

    def reset_all(self) -> None:
        """Reset what is connected."""
        for writer in self._writers:
            writer.transport.abort()
            self.faults += 1

    def end(self) -> None:
        """Let go of everything."""
        self._is_over.set()
        self.reset_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self.is_silent:
                await self._is_over.wait()
            if self.is_down or self._is_over.is_set():
                return
            server_reader, upstream = await asyncio.open_unix_connection(str(self._server))
            down = asyncio.create_task(self._pass(server_reader, writer))
            up = asyncio.create_task(self._pass(reader, upstream, counts=True))
            done, _ = await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            down.cancel()
            up.cancel()
            if any(isinstance(task.exception(), _FellSilent) for task in done):
                await self._is_over.wait()
        except (OSError, asyncio.CancelledError):  # the test is over
            return
        finally:
            self._writers.discard(writer)
            for each in (writer, upstream):
                if each is not None:
                    each.transport.abort()

    async def _pass(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        counts: bool = False,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(16_384):
                if self.is_silent:
                    raise _FellSilent
                fault = self._fault_of(len(data)) if counts else None
                if fault is not None:
                    target.write(data[: len(data) // 2])
                    self.faults += 1
                    if fault is Fault.SILENCE:
                        raise _FellSilent
                    return
                target.write(data)
                await target.drain()

    def _fault_of(self, size: int) -> Fault | None:
        if not self._cuts:
            return None
        left, fault = self._cuts[0]
        if left < size:
            self._cuts.pop(0)
            return fault
        self._cuts[0] = (left - size, fault)
        return None


@asynccontextmanager
async def tcp_proxy(server: Path, host: str = "127.0.0.1") -> AsyncIterator[TcpProxy]:
    """A proxy before the Postgres that listens at the socket ``server``."""
    proxy = TcpProxy(server)
    listening = await asyncio.start_server(proxy.serve, host, 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        proxy.end()

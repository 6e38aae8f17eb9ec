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
    """Nothing passes any more, but the peer acknowledges all."""


class TcpProxy:
    """Forwards to the server's socket."""

    def __init__(self, server: Path) -> None:
        self.port = 0
        self.connections = 0
        self.faults = 0
        self.is_down = False
        """New connections are accepted, and closed."""
        self.is_silent = False
        """New connections are accepted, and that is all; the others are silent, too."""
        self._server = server
        self._cuts: list[tuple[int, Fault]] = []
        self._writers: set[asyncio.StreamWriter] = set()

    def cut_after(self, size: int, fault: Fault) -> None:
        """Once so many more bytes have gone up, a ``fault`` befalls that connection."""
        self._cuts.append((size, fault))

    def reset_all(self) -> None:
        """Reset what is connected."""
        for writer in self._writers:
            writer.transport.abort()
            self.faults += 1

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self.is_down:
                return
            if self.is_silent:
                await reader.read()
                return
            server_reader, upstream = await asyncio.open_unix_connection(str(self._server))
            down = asyncio.create_task(self._pass(server_reader, writer))
            up = asyncio.create_task(self._pass(reader, upstream, counts=True))
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            for task in (down, up):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
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
                    continue
                if counts and self._cuts:
                    size, fault = self._cuts[0]
                    if size < len(data):
                        self._cuts.pop(0)
                        self.faults += 1
                        target.write(data[:size])
                        if fault is Fault.RESET:
                            return
                        await source.read(-1)
                        return
                    self._cuts[0] = (size - len(data), fault)
                target.write(data)
                await target.drain()


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
        proxy.reset_all()

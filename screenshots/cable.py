"""A cable between the dashboard and the demo's bucket, that can be pulled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536


class Cable:
    """Passes everything on, until it is pulled."""

    def __init__(self, endpoint: str) -> None:
        place = urlsplit(endpoint)
        self._host, self._port = place.hostname or "", place.port or 80
        self._ends: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pull()

    @property
    def endpoint(self) -> str:
        """The bucket's address at this end."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def pull(self) -> None:
        """From now on nobody answers."""
        self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        self._ends |= {writer, back}
        with suppress(ConnectionError):
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._ends -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()

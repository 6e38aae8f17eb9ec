"""A server that answers with whatever bytes a test likes, as nobody's HTTP library would."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

Pieces = Iterable[bytes] | AsyncIterable[bytes]
Answerer = Callable[[str, int], Pieces]
"""Takes a request's first line and how many there have been; gives the answer, head and all.
What has no ``Content-Length`` ends with the connection."""


def answer(
    body: bytes = b"", status: int = 200, kind: str = "application/xml", **headers: str
) -> list[bytes]:
    """An ordinary answer; underscores in header names stand for hyphens."""
    named = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in named.items())]
    return ["\r\n".join([*lines, "\r\n"]).encode("latin-1"), body]


@contextmanager
def raw_server(answerer: Answerer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on loopback in a thread, each request on a connection of its own; gives
    ``host:port``."""
    loop = asyncio.new_event_loop()
    seen = iter(range(1_000_000_000))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await _take_body(head, reader)
            pieces = answerer(head.partition("\r\n")[0], next(seen))
            if isinstance(pieces, AsyncIterable):
                async for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
            else:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _take_body(head: str, reader: asyncio.StreamReader) -> None:
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            await reader.readexactly(int(line.partition(":")[2]))


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

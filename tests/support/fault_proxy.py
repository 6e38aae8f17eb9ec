"""An HTTP proxy that breaks what it passes on, as a script says, request by request.

It stands before a real server (moto's S3, PostgREST's gateway) and runs in a thread of its own,
so that what is tested may run in the test's event loop or in another process.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from urllib.parse import parse_qs, urlencode, urlsplit

_HEAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    number: int
    """Of those that the script has looked at, from 1."""
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Each parameter's last value."""
        asked = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in asked.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers, or is made to."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, length: int | None) -> bytes:
        """Status line and headers; without a length, none is told."""
        lines = [f"HTTP/1.1 {self.status} -"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [] if length is None else [f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Exchange:
    """One request on its way, in the hands of a fault."""

    def __init__(
        self, request: Request, proxy: FaultProxy, client: tuple[asyncio.StreamReader, _Writer]
    ) -> None:
        self.request = request
        self._proxy = proxy
        self._reader, self._writer = client
        self.is_over = False
        """The connection cannot be used again."""

    @property
    def is_gone(self) -> bool:
        """The client has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, request: Request | None = None) -> Reply:
        """The server's own answer, to this request or to another."""
        return await self._proxy.forward(request or self.request)

    async def send(self, reply: Reply) -> None:
        """A whole answer."""
        body = b"" if self.request.method == "HEAD" else reply.body
        await self.write(reply.head(len(body)) + body)

    async def write(self, data: bytes) -> None:
        """These bytes, whatever they are."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def close(self) -> None:
        """End the connection in good order."""
        self.is_over = True
        self._writer.close()

    def reset(self) -> None:
        """Break the connection: the client hears RST."""
        self.is_over = True
        connection = self._writer.get_extra_info("socket")
        if connection is not None:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def wait_for_the_client_to_go(self) -> None:
        """Say nothing until the other side has had enough."""
        with suppress(ConnectionError):
            while await self._reader.read(4096):
                pass
        self.close()


_Writer = asyncio.StreamWriter
Fault = Callable[[Exchange], Awaitable[None]]
Script = Callable[[Request], "Fault | None"]
"""What becomes of a request; None lets it pass. Called one request after the other."""


def nothing(_request: Request) -> Fault | None:
    """The script of a proxy that breaks nothing."""
    return None


def at(fault: Fault, *numbers: int, which: Callable[[Request], bool] | None = None) -> Script:
    """``fault`` for these of the requests of a kind, counted from 1; then it is gone."""
    counted = _Counted(which)
    return lambda request: fault if counted(request) in numbers else None


def from_on(fault: Fault, first: int, which: Callable[[Request], bool] | None = None) -> Script:
    """``fault`` for all requests of a kind from this one on, counted from 1."""
    counted = _Counted(which)
    return lambda request: fault if counted(request) >= first else None


def share(
    fault: Fault, part: float, seed: int, which: Callable[[Request], bool] | None = None
) -> Script:
    """``fault`` for about so much of the requests of a kind."""
    draw, counted = random.Random(seed), _Counted(which)
    return lambda request: fault if counted(request) and draw.random() < part else None


class _Counted:
    """The number of a request among its kind; 0 for those of another."""

    def __init__(self, which: Callable[[Request], bool] | None) -> None:
        self._which = which
        self._seen = 0

    def __call__(self, request: Request) -> int:
        if self._which is not None and not self._which(request):
            return 0
        self._seen += 1
        return self._seen


class FaultProxy:
    """The proxy; a context manager that starts and stops it."""

    def __init__(self, upstream: str, script: Script = nothing) -> None:
        """``upstream`` is the server's URL, without a path."""
        url = urlsplit(upstream)
        self._host, self._port = url.hostname or "", url.port or 80
        self.script = script
        self.requests = 0
        self.injected = 0
        """Requests that were given to a fault."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def forward(self, request: Request) -> Reply:
        """What the server answers; 502 where it does not."""
        try:
            reader, writer = await asyncio.open_connection(
                self._host, self._port, limit=_HEAD_BYTES
            )
        except OSError:
            return Reply(502)
        try:
            kept = [h for h in request.headers if h[0].lower() != "connection"]
            lines = [f"{request.method} {request.target} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in kept] + ["Connection: close"]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body)
            return await _read_reply(reader, has_body=request.method != "HEAD")
        except (OSError, asyncio.IncompleteReadError):
            return Reply(502)
        finally:
            writer.close()

    async def _start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_BYTES)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: _Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the proxy is being stopped
        finally:
            writer.close()
            self._clients.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: _Writer) -> None:
        while (request := await self._read_request(reader)) is not None:
            exchange = Exchange(request, self, (reader, writer))
            fault = self.script(request)
            if fault is None:
                await exchange.send(await exchange.ask())
            else:
                self.injected += 1
                await fault(exchange)
            if exchange.is_over:
                return

    async def _read_request(self, reader: asyncio.StreamReader) -> Request | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = tuple((line.partition(":")[0], line.partition(":")[2].strip()) for line in lines)
        length = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        self.requests += 1
        return Request(self.requests, method, target, headers, body)


async def _read_reply(reader: asyncio.StreamReader, *, has_body: bool) -> Reply:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines}
    told = {name.lower(): value for name, value in headers.items()}
    body = b""
    if not has_body:
        pass
    elif "chunked" in told.get("transfer-encoding", ""):
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
    elif "content-length" in told:
        body = await reader.readexactly(int(told["content-length"]))
    else:
        body = await reader.read()
    dropped = {"content-length", "transfer-encoding", "connection", "keep-alive"}
    kept = {name: value for name, value in headers.items() if name.lower() not in dropped}
    return Reply(int(first.split(" ")[1]), body, kept)


def asking(request: Request, **parameters: str | None) -> Request:
    """The same request with other parameters in its query; None leaves one out.

    Underscores in their names stand for hyphens."""
    query: dict[str, str] = dict(request.query)
    for name, value in parameters.items():
        query.pop(name.replace("_", "-"), None)
        if value is not None:
            query[name.replace("_", "-")] = value
    return replace(request, target=f"{request.path}?{urlencode(query)}")

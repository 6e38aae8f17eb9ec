"""An S3 that can only list, for tests: any keys, and a script of faults.

    python bench/listing_stub.py --keys 30000 --latency-ms 300

prints its port on the first line. Importable too: tests give :class:`ListingStub` a list of
keys, or one whose keys are computed when they are asked for. For speed: :mod:`fast_stub`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import overload
from urllib.parse import parse_qsl, quote, urlsplit
from xml.sax.saxutils import escape
from zlib import crc32

_HIGHEST = "\U0010ffff" * 256
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    """Reset the connection after this many bytes of the body."""


Script = Callable[[Request], Reply | None]
"""Looks at each request first; None leaves the answer to the stub."""


class CameraKeys(Sequence[str]):
    """``cam-NN/YYYY/MM/DD/HH/img_0000123_ab12cd.jpg``: cameras side by side, each
    taking one picture every four seconds (ten cameras: 9,000 an hour)."""

    per_hour = 900

    def __init__(self, count: int, cameras: int = 10) -> None:
        self._count = count
        self._per_camera = max(1, -(-count // cameras))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._key(i) for i in range(self._count)[index]]
        return self._key(range(self._count)[index])

    def _key(self, index: int) -> str:
        camera, picture = divmod(index, self._per_camera)
        folder = _hour_folder(camera, picture // self.per_hour)
        return f"{folder}img_{picture:07d}_{picture * 2654435761 & 0xFFFFFF:06x}.jpg"


class HashedKeys(CameraKeys):
    """``0123456789abcdef.jpg``: flat, evenly spread."""

    def _key(self, index: int) -> str:
        return f"{index * (2**64 // self._count):016x}.jpg"


LAYOUTS = {"camera": CameraKeys, "hashed": HashedKeys}


class ListingStub:
    """ListObjectsV2 and HeadBucket over ``keys`` (sorted), for any bucket's name."""

    def __init__(
        self,
        keys: Sequence[str],
        *,
        latency_seconds: float = 0.0,
        slowdown_rate: float = 0.0,
        script: Script | None = None,
    ) -> None:
        self.keys = keys
        self.latency_seconds = latency_seconds
        self.slowdown_rate = slowdown_rate
        self.script = script
        self.requests: list[Request] = []
        """The first 10,000."""
        self.at_once = self.most_at_once = 0
        """Requests that wait for their answer, now and at most."""
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    def reply_to(self, request: Request) -> Reply:
        """The answer to one request."""
        if len(self.requests) < 10_000:
            self.requests.append(request)
        if self.script is not None and (scripted := self.script(request)) is not None:
            return scripted
        if request.method == "HEAD":
            return Reply(200, headers={"x-amz-bucket-region": "us-east-1"})
        if self.slowdown_rate and random.random() < self.slowdown_rate:
            return error_reply(503, "SlowDown")
        return Reply(200, self.listing(request.query, request.path.strip("/")))

    def listing(self, query: dict[str, str], bucket: str = "stub-bucket") -> bytes:
        """The body of one page."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        limit = int(query.get("max-keys", "1000"))
        end = bisect_right(self.keys, prefix + _HIGHEST) if prefix else len(self.keys)
        if token := query.get("continuation-token", ""):
            at = int(token.removeprefix("at-"))
        else:
            at = max(
                bisect_left(self.keys, prefix),
                bisect_right(self.keys, query.get("start-after", "")),
            )
        if delimiter:
            keys, folders, at = self._folded(prefix, delimiter, at, end, limit)
        else:
            keys, folders = list(self.keys[at : min(end, at + limit)]), []
            at += len(keys)
        return listing_body(
            keys,
            folders=folders,
            token=f"at-{at}" if at < end else None,
            encoded=query.get("encoding-type") == "url",
            bucket=bucket,
        )

    def _folded(
        self, prefix: str, delimiter: str, at: int, end: int, limit: int
    ) -> tuple[list[str], list[str], int]:
        keys: list[str] = []
        folders: list[str] = []
        while at < end and len(keys) + len(folders) < limit:
            key = self.keys[at]
            head, cut, _ = key[len(prefix) :].partition(delimiter)
            if cut:
                folders.append(prefix + head + cut)
                at = bisect_right(self.keys, folders[-1] + _HIGHEST)
            else:
                keys.append(key)
                at += 1
        return keys, folders, at


def listing_body(
    keys: Sequence[str],
    *,
    folders: Sequence[str] = (),
    token: str | None = None,
    encoded: bool = True,
    bucket: str = "stub-bucket",
) -> bytes:
    """A ListObjectsV2 answer as AWS writes it."""
    write = _encoded if encoded else escape
    objects = "".join([_object(key, write) for key in keys])
    prefixes = "".join(
        f"<CommonPrefixes><Prefix>{write(f)}</Prefix></CommonPrefixes>" for f in folders
    )
    more = (
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        if token
        else "<IsTruncated>false</IsTruncated>"
    )
    return (
        f'{_HEAD}<ListBucketResult xmlns="{_NAMESPACE}"><Name>{bucket}</Name><Prefix></Prefix>'
        f"{more}"
        f"<KeyCount>{len(keys) + len(folders)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"{objects}{prefixes}</ListBucketResult>"
    ).encode()


def _object(key: str, write: Callable[[str], str]) -> str:
    return (
        f"<Contents><Key>{write(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{crc32(key.encode('utf-8', 'surrogateescape')):032x}&quot;</ETag>"
        "<Size>123456</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def error_reply(status: int, code: str, message: str = "", **headers: str) -> Reply:
    """An error as S3 writes it; underscores in header names stand for hyphens."""
    body = f"{_HEAD}<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Reply(status, body.encode(), {k.replace("_", "-"): v for k, v in headers.items()})


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive; requests have no bodies."""

    def __init__(self, stub: ListingStub) -> None:
        self._stub = stub
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            url = urlsplit(target)
            query = dict(parse_qsl(url.query, keep_blank_values=True, errors="surrogateescape"))
            request = Request(method, url.path, query)
            self._stub.at_once += 1
            self._stub.most_at_once = max(self._stub.most_at_once, self._stub.at_once)
            if self._stub.latency_seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(self._stub.latency_seconds, self._answer, request)
            else:
                self._answer(request)

    def _answer(self, request: Request) -> None:
        self._stub.at_once -= 1
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        reply = self._stub.reply_to(request)
        headers = {"Content-Type": "application/xml", **reply.headers}
        length = 0 if request.method == "HEAD" else len(reply.body)
        lines = [f"HTTP/1.1 {reply.status} -", *(f"{k}: {v}" for k, v in headers.items())]
        lines.append(f"Content-Length: {length}\r\n\r\n")
        transport.write("\r\n".join(lines).encode())
        if reply.cut_at is not None:
            transport.write(reply.body[: reply.cut_at])
            transport.close()
        elif request.method != "HEAD":
            transport.write(reply.body)


@lru_cache(maxsize=4096)
def _hour_folder(camera: int, hour: int) -> str:
    at = _START + timedelta(hours=hour)
    return f"cam-{camera:02d}/{at:%Y/%m/%d/%H}/"


@lru_cache(maxsize=4096)
def _encoded_folder(folder: str) -> str:
    return quote(folder.encode("utf-8", "surrogateescape"), safe="/")


def _encoded(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    return _encoded_folder(folder) + slash + quote(name.encode("utf-8", "surrogateescape"))


async def _serve(arguments: argparse.Namespace) -> None:
    stub = ListingStub(
        LAYOUTS[arguments.layout](arguments.keys),
        latency_seconds=arguments.latency_ms / 1000,
        slowdown_rate=arguments.slowdown_rate,
    )
    print(await stub.start(arguments.port), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="camera")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--slowdown-rate", type=float, default=0)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()

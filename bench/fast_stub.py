"""An S3 that can only list, up to ten million objects, faster than anybody asks.

    python bench/fast_stub.py --keys 10000000 --layout camera --latency-ms 60

prints its port on the first line. One thread, one epoll, pages sent by sendfile from a file
that :mod:`rendered` writes at the start. Any bucket's name will do. Besides S3's requests:

* ``GET /_counts``: LIST requests so far, and the CPU seconds of this process, as JSON
* ``POST /_grow``: the ``--new`` newest objects, withheld until then, are there from now on
  (in ``camera`` the last of each camera, in ``stamps`` the last of all, else all over)
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import select
import socket
import time
from collections import deque
from contextlib import suppress
from datetime import datetime
from itertools import count
from urllib.parse import parse_qs

from layouts import LAYOUTS, Camera, Layout, now
from rendered import Rendered

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_HIGHEST = b"\xff"  # no key of ours has it

Query = dict[str, str]
Body = list[bytes | range]
"""Bytes, and ranges of the rendered file's."""


class Bucket:
    """What there is, and how it is listed."""

    def __init__(self, layout: Layout, new: int) -> None:
        self._layout = layout
        self._rendered = Rendered(layout, without=new)

    @property
    def file(self) -> int:
        """The descriptor of the rendered file."""
        return self._rendered.file.fileno()

    def grow(self) -> None:
        """Everything is there from now on."""
        before = self._rendered
        self._rendered = Rendered(self._layout)
        before.close()

    def page(self, bucket: str, query: Query) -> Body:
        """The answer to one ListObjectsV2 request of ``bucket``."""
        keys, limit = self._rendered, min(1000, int(query.get("max-keys", "1000")))
        prefix, delimiter = query.get("prefix", "").encode(), query.get("delimiter", "").encode()
        end = keys.not_before(prefix + _HIGHEST) if prefix else len(keys)
        if token := query.get("continuation-token"):
            at = int(token, 36)
        else:
            after = query.get("start-after", "").encode()
            at = keys.after(after) if after >= prefix else keys.not_before(prefix)
        folders: list[bytes] = []
        if not delimiter:
            last = min(end, at + limit)
            spans, number = [range(at, last)] if last > at else [], max(0, last - at)
        else:
            spans, folders, last = self._folded(prefix, delimiter, at, end, limit)
            number = len(folders) + sum(map(len, spans))
        more = f"<NextContinuationToken>{_base36(last)}</NextContinuationToken>"
        encoding = "<EncodingType>url</EncodingType>" if "encoding-type" in query else ""
        head = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{_NAMESPACE}">'
            f"<Name>{bucket}</Name><Prefix>{prefix.decode()}</Prefix>{more if last < end else ''}"
            f"<KeyCount>{number}</KeyCount><MaxKeys>{limit}</MaxKeys>{encoding}"
            f"<IsTruncated>{'true' if last < end else 'false'}</IsTruncated>"
        )
        tail = [b"<CommonPrefixes><Prefix>%b</Prefix></CommonPrefixes>" % f for f in folders]
        width = keys.width
        slices = [range(span.start * width, span.stop * width) for span in spans]
        return [head.encode(), *slices, b"".join(tail) + b"</ListBucketResult>"]

    def _folded(
        self, prefix: bytes, delimiter: bytes, at: int, end: int, limit: int
    ) -> tuple[list[range], list[bytes], int]:
        """Runs of keys, folders, and where the next page begins."""
        keys, spans, folders, number = self._rendered, list[range](), list[bytes](), 0
        while at < end and number < limit:
            head, cut, _ = keys[at][len(prefix) :].partition(delimiter)
            number += 1
            if cut:
                folders.append(prefix + head + cut)
                at = keys.not_before(folders[-1] + _HIGHEST)
                continue
            if spans and spans[-1].stop == at:
                spans[-1] = range(spans[-1].start, at + 1)
            else:
                spans.append(range(at, at + 1))
            at += 1
        return spans, folders, at


class Connection:
    """One client: what it has said, and what it has yet to hear."""

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = client
        self.heard = b""
        self.unsent: deque[bytes | range] = deque()

    def send(self, file: int) -> bool:
        """As much as goes now; whether that was all."""
        while self.unsent:
            part = self.unsent[0]
            more = socket.MSG_MORE if len(self.unsent) > 1 else 0
            with suppress(BlockingIOError):
                if isinstance(part, range):
                    sent = os.sendfile(self.socket.fileno(), file, part.start, len(part))
                else:
                    sent = self.socket.send(part, more)
                self.unsent[0] = part[sent:]
                if not self.unsent[0]:
                    self.unsent.popleft()
                continue
            return False
        return True


class Server:
    """HTTP/1.1 on loopback, kept alive; requests have no bodies."""

    def __init__(
        self, bucket: Bucket, *, latency_seconds: float, slowdown_rate: float, port: int
    ) -> None:
        self._bucket = bucket
        self._latency_seconds = latency_seconds
        self._slowdown_rate = slowdown_rate
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listener.setblocking(False)
        self._connections: dict[int, Connection] = {}
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._waiting: list[tuple[float, int, Connection, str, str, Query]] = []
        self._numbers = count()
        self._lists = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Until interrupted."""
        while True:
            pause = self._waiting[0][0] - time.monotonic() if self._waiting else -1
            for descriptor, event in self._epoll.poll(max(0, pause) if self._waiting else -1):
                if descriptor == self._listener.fileno():
                    self._accept()
                    continue
                connection = self._connections[descriptor]
                try:
                    if event & select.EPOLLOUT:
                        self._push(connection)
                    if event & ~select.EPOLLOUT:
                        self._hear(connection)
                except OSError:
                    self._drop(connection)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, connection, method, path, query = heapq.heappop(self._waiting)
                self._answer(connection, method, path, query)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            client, _ = self._listener.accept()
            self._connections[client.fileno()] = Connection(client)
            self._epoll.register(client, select.EPOLLIN)

    def _drop(self, connection: Connection) -> None:
        if connection.socket.fileno() >= 0:
            del self._connections[connection.socket.fileno()]
            self._epoll.unregister(connection.socket)
            connection.socket.close()

    def _hear(self, connection: Connection) -> None:
        said = connection.socket.recv(65536)
        if not said:
            self._drop(connection)
            return
        connection.heard += said
        while b"\r\n\r\n" in connection.heard:
            head, _, connection.heard = connection.heard.partition(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            path, _, asked = target.partition("?")
            query = {name: values[-1] for name, values in parse_qs(asked, True).items()}
            if self._latency_seconds and not path.startswith("/_"):
                due = time.monotonic() + self._latency_seconds
                entry = (due, next(self._numbers), connection, method, path, query)
                heapq.heappush(self._waiting, entry)
            else:
                self._answer(connection, method, path, query)

    def _answer(self, connection: Connection, method: str, path: str, query: Query) -> None:
        if connection.socket.fileno() < 0:
            return
        status, body = self._reply(method, path, query)
        length = sum(map(len, body))
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nServer: AmazonS3\r\n"
            f"x-amz-bucket-region: us-east-1\r\nContent-Length: {length}\r\n\r\n"
        )
        connection.unsent.append(head.encode())
        connection.unsent.extend([] if method == "HEAD" else (part for part in body if part))
        try:
            self._push(connection)
        except OSError:
            self._drop(connection)

    def _push(self, connection: Connection) -> None:
        done = connection.send(self._bucket.file)
        wanted = select.EPOLLIN if done else select.EPOLLIN | select.EPOLLOUT
        self._epoll.modify(connection.socket, wanted)

    def _reply(self, method: str, path: str, query: Query) -> tuple[str, Body]:
        if path == "/_grow":
            self._bucket.grow()
            return "200 OK", []
        if path == "/_counts":
            counts = {"lists": self._lists, "cpu_seconds": time.process_time()}
            return "200 OK", [json.dumps(counts).encode()]
        if method == "HEAD":
            return "200 OK", []
        if "location" in query:
            return "200 OK", [f'<LocationConstraint xmlns="{_NAMESPACE}"/>'.encode()]
        self._lists += 1
        if self._slowdown_rate and random.random() < self._slowdown_rate:
            return "503 Slow Down", [b"<Error><Code>SlowDown</Code><Message></Message></Error>"]
        return "200 OK", self._bucket.page(path.strip("/"), query)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="camera")
    parser.add_argument("--cameras", type=int, default=50)
    parser.add_argument("--new", type=int, default=0, help="withheld until POST /_grow")
    parser.add_argument("--end", type=datetime.fromisoformat, default=now())
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--slowdown-rate", type=float, default=0)
    given = parser.parse_args()
    layout = (
        Camera(given.keys, given.end, given.cameras)
        if given.layout == "camera"
        else LAYOUTS[given.layout](given.keys, given.end)
    )
    server = Server(
        Bucket(layout, given.new),
        latency_seconds=given.latency_ms / 1000,
        slowdown_rate=given.slowdown_rate,
        port=given.port,
    )
    print(server.port, flush=True)
    with suppress(KeyboardInterrupt):
        server.serve()


if __name__ == "__main__":
    main()

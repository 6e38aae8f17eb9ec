"""Between a client and Postgres: counts what the client sends."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Relay:
    """The bytes that have passed to the database, of all connections."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self.bytes_up = 0

    def accept(self, listener: socket.socket) -> None:
        """Serve each that comes, until the listener is shut."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                for source, sink, counts in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass, args=(source, sink, counts), daemon=True
                    ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if counts:
                    self.bytes_up += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(conninfo: str) -> Iterator[tuple[str, Relay]]:
    """The same database by a way on which bytes are counted."""
    parts = conninfo_to_dict(conninfo)
    name = f".s.PGSQL.{parts.get('port') or 5432}"
    relay = Relay(Path(str(parts["host"])) / name)
    with (
        tempfile.TemporaryDirectory(prefix="s3sync-relay-") as directory,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{directory}/{name}")
        listener.listen(64)
        threading.Thread(target=relay.accept, args=(listener,), daemon=True).start()
        yield make_conninfo(conninfo, host=directory), relay

"""What ``postmaster.pid`` tells of a server, and what the server tells itself."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a data directory's ``postmaster.pid`` names; it may be dead."""

    pid: int
    sockets: Path
    port: int

    def conninfo(self) -> str:
        """How to connect to it."""
        return make_conninfo(
            host=str(self.sockets),
            hostaddr="",  # $PGHOSTADDR would lead elsewhere
            port=self.port,
            user="postgres",
            dbname="postgres",
        )

    def refusal(self) -> str:
        """Why it lets nobody in; empty if it does."""
        try:
            psycopg.connect(self.conninfo(), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    def listens(self) -> bool:
        """Whether it is alive, be it ready or not: so ``pid`` is its own."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.sockets / f".s.PGSQL.{self.port}"))
            except OSError:
                return False
        return True


def read_server(data: Path) -> Server | None:
    """The server that was last started on ``data`` itself, not on what it is a copy of."""
    # https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h
    try:
        lines = os.fsdecode((data / "postmaster.pid").read_bytes()).split("\n")
        pid, started_on, _, port, sockets = lines[:5]
        server = Server(int(pid), Path(sockets), int(port))
    except (FileNotFoundError, ValueError):  # none, or half of one
        return None
    return server if started_on == str(data) and sockets and server.pid > 0 else None

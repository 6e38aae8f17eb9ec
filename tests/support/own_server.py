"""A Postgres that a test may stop, crash and set up as it likes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.database import DatabaseServer

_GONE_SECONDS = 30


class OwnServer(DatabaseServer):
    """Like the session's, but nobody else's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._pid_file = directory.resolve() / "pgdata" / "postmaster.pid"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(self._pid_file.read_text().splitlines()[4]) / ".s.PGSQL.5432"

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is a fast shutdown, SIGQUIT one that is recovered from like a crash,
        SIGTERM waits for all sessions."""
        pid = int(self._pid_file.read_text().splitlines()[0])
        os.kill(pid, how)
        deadline = time.monotonic() + _GONE_SECONDS
        while _lives(pid):
            assert time.monotonic() < deadline, f"Postgres ignores {how.name}"
            time.sleep(0.01)

    def start(self) -> None:
        """Start it again."""
        self.conninfo = self._postgres.start()

    @contextmanager
    def set_to(self, **settings: str) -> Iterator[None]:
        """These settings for a while; those that need it are not in force without a restart."""
        self._alter("set {} = {}", settings)
        try:
            yield
        finally:
            self._alter("reset {}", settings)

    def _alter(self, change: str, settings: dict[str, str]) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            for name, value in settings.items():
                query = sql.SQL(f"alter system {change}")
                connection.execute(query.format(sql.Identifier(name), sql.Literal(value)))
            connection.execute("select pg_reload_conf()")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def crash(conninfo: str) -> None:
    """Kill one process of the server with SIGKILL, on which it ends all others and recovers:
    what was not on its way to the disk yet is lost. Returns when it lets us in again."""
    with psycopg.connect(conninfo, autocommit=True) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_SECONDS
        while not victim.broken:
            assert time.monotonic() < deadline, "the server lives on"
            try:
                victim.execute("select 1")
            except psycopg.Error:
                break
    while True:
        assert time.monotonic() < deadline, "the server does not recover"
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return

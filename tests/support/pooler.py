"""A real transaction pooler before a test's Postgres: pgbouncer, as Supabase's port 6543 is one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Debian's package ``pgbouncer``; None where it is not installed."""

_READY_SECONDS = 20


class Pooler:
    """A pooler with ``pool_mode = transaction`` that can be killed and started again."""

    def __init__(self, conninfo: str, directory: Path) -> None:
        server = conninfo_to_dict(conninfo)
        socket_directory = Path(str(server["host"]))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        settings = directory / "pgbouncer.ini"
        settings.write_text(
            "[databases]\n"
            f"* = host={socket_directory} port={server['port']} user={server['user']}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self._port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 5\n"
        )
        self._command = [str(PGBOUNCER), "--quiet", str(settings)]
        if os.geteuid() == 0:  # it refuses to be root; the server's socket is its owner's alone
            directory.chmod(0o755)
            owner = pwd.getpwuid(socket_directory.stat().st_uid).pw_name
            self._command.insert(1, f"--user={owner}")
        self._log = directory / "log"
        self.conninfo = (
            f"host=127.0.0.1 port={self._port} user={server['user']} dbname={server['dbname']}"
        )
        self.start()

    def start(self) -> None:
        """Start it; returns when it takes connections."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        _wait(self._process, self._port, self._log)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(conninfo: str) -> Iterator[Pooler]:
    """One before this database."""
    assert PGBOUNCER is not None
    with tempfile.TemporaryDirectory(prefix="s3sync-pooler-") as directory:
        made = Pooler(conninfo, Path(directory))
        try:
            yield made
        finally:
            made.kill()


@contextmanager
def pooled(conninfo: str) -> Iterator[str]:
    """The same database through a pooler with ``pool_mode = transaction``."""
    with pooler(conninfo) as made:
        yield made.conninfo


def _wait(pooler: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and pooler.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"pgbouncer did not start: {log.read_text()}")

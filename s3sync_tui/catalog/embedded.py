"""A Postgres of our own in a directory: the catalog of those who configured none.

Who uses the server holds a shared lock, which the kernel drops with its holder: nothing
is counted, so nothing is miscounted when a process is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from s3sync_tui.catalog.cluster import Cluster, open_lock
from s3sync_tui.errors import CatalogError


class EmbeddedPostgres:
    """A Postgres in ``directory``, shared by the processes that use it.

    The first to :meth:`start` starts it, the last to :meth:`stop` stops it; if all are
    killed, it stays up, and the next finds it. All methods block: call them through
    :func:`asyncio.to_thread` from async code. As a context manager it gives the
    connection string.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.expanduser().resolve()
        self._cluster = Cluster(self._directory)
        self._users: int | None = None
        # A start whose task is cancelled goes on in its thread: a stop waits for it.
        self._turn = threading.Lock()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> str:
        """The connection string of database ``postgres``, starting what is not running.

        Raises :class:`~s3sync_tui.errors.SettingsError` where the extra ``embedded`` is not
        installed, :class:`~s3sync_tui.errors.CatalogUnreachable` where the server does not
        start, :class:`~s3sync_tui.errors.CatalogError` where the directory cannot be used.
        """
        with self._turn, self._explained():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                users, self._users = self._users, None
                if users is None:
                    users = open_lock(self._directory / "users.lock")
                try:
                    fcntl.flock(users, fcntl.LOCK_SH)
                    conninfo = self._cluster.start()
                except BaseException:
                    os.close(users)
                    raise
                self._users = users
                return conninfo

    def stop(self) -> None:
        """Leave; the last user stops the server.

        Raises :class:`~s3sync_tui.errors.CatalogError` where the directory cannot be used.
        """
        with self._turn, self._explained():
            users, self._users = self._users, None
            if users is None:
                return
            try:
                with self._alone():
                    try:
                        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        # Others use it. Some systems leave us our share: the next to leave
                        # must not find it.
                        fcntl.flock(users, fcntl.LOCK_UN)
                    else:
                        self._cluster.stop()
            finally:
                os.close(users)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts or stops the server meanwhile."""
        lock = open_lock(self._directory / "start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CatalogError(
                f"The embedded Postgres cannot use {self._directory}: {error}.",
                hint="Check that the directory and the Python environment can be read, and the "
                "former written, or set DATABASE_URL.",
            ) from error

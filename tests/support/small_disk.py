"""A disk of Postgres's that is full, and is given more room."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from s3sync_tui.catalog.binaries import give, make_traversable, server_account

_SMALL = "12m"
_LARGE = "64m"


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A file system that has room for a database and little more; None where we may not mount
    one."""
    with tempfile.TemporaryDirectory(prefix="s3sync-disk-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL}", "tmpfs", directory]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            disk = Path(directory) / "tablespace"
            disk.mkdir(mode=0o700)
            account = server_account()
            make_traversable(Path(directory), account)
            give(disk, account)
            yield disk
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def enlarge(disk: Path) -> None:
    """Give it room."""
    command = ["mount", "-o", f"remount,size={_LARGE}", str(disk.parent)]
    subprocess.run(command, check=True)


def move_to(disk: Path, conninfo: str, admin: str) -> None:
    """Move a database, that nobody is connected to, there."""
    name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    with psycopg.connect(admin, autocommit=True) as connection:
        create = sql.SQL("create tablespace small location {}")
        connection.execute(create.format(sql.Literal(str(disk))))
        connection.execute(sql.SQL("alter database {} set tablespace small").format(name))


def limit_files(conninfo: str, size: int) -> None:
    """The server's processes that serve us may write no file beyond ``size``: another way to
    have no room."""
    account = server_account()
    found = "select pid from pg_stat_activity where application_name = 's3sync-tui'"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for (pid,) in connection.execute(found.encode()).fetchall():
            # As its user: root in a container may not.
            command = ["prlimit", f"--pid={pid}", f"--fsize={size}:{size}"]
            user, group = (account.uid, account.gid) if account else (None, None)
            subprocess.run(command, user=user, group=group, check=True)

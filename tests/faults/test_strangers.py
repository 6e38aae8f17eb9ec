"""What other users of the machine have laid in our way, and what they can get at.

Only root can try it: it takes the part of another user. Where tests run as somebody else, this is
not collected.
"""

from __future__ import annotations

import logging
import os
import pwd
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.cli.log_file import to_file
from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.metrics_file import write_metrics
from tests.support.settings import settings_of

NOBODY = pwd.getpwnam("nobody").pw_uid


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o1777, 0o777])
def shared(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory like /tmp, of root's; in one without the sticky bit, Linux protects nobody."""
    with TemporaryDirectory(prefix="s3sync-shared-") as directory:
        path = Path(directory)
        path.chmod(request.param)
        yield path


def strangers(path: Path) -> Path:
    """Make it somebody else's: they have laid it there."""
    os.chown(path, NOBODY, -1, follow_symlinks=False)
    return path


def test_a_log_file_that_a_stranger_has_laid_is_refused(shared: Path) -> None:
    victim = shared / "victim"
    victim.write_text("mine")
    link, file, pipe = shared / "link.log", shared / "file.log", shared / "pipe.log"
    link.symlink_to(victim)
    file.write_text("")
    os.mkfifo(pipe)
    for laid, reason in (
        (link, "it is a link that somebody else has laid"),
        (file, "it is somebody else's"),
        (pipe, "No such device|it is somebody else's"),
    ):
        strangers(laid)
        with pytest.raises(SettingsError, match=reason) as refused:
            to_file(str(laid))
        assert refused.value.hint
    assert victim.read_text() == "mine"


def test_a_log_file_of_somebody_elses_where_nobody_lays_any_is_written() -> None:
    """As root writes to the log of a service's user, in a directory of root's."""
    with TemporaryDirectory(prefix="s3sync-logs-") as directory:
        file = Path(directory) / "service.log"
        file.write_text("")
        log = to_file(str(strangers(file)))
        log.handle(logging.makeLogRecord({"msg": "one line"}))
        log.close()
        assert file.read_text() == "one line\n"


def test_a_metrics_file_in_a_shared_directory_replaces_what_a_stranger_has_laid(
    shared: Path,
) -> None:
    victim, target = shared / "victim", shared / "s3sync.prom"
    victim.write_text("s3sync_last_success_timestamp_seconds{} 1\n")
    settings = settings_of(bucket="b-1")
    target.symlink_to(victim)
    strangers(target)
    write_metrics(target, settings, None, 3)
    assert not target.is_symlink()
    assert 'timestamp_seconds{bucket="b-1",prefix="",table="images"} 0' in target.read_text()
    assert mode_of(target) == 0o644
    target.unlink()
    os.mkfifo(target)
    strangers(target)
    writing = threading.Thread(target=write_metrics, args=(target, settings, None, 3), daemon=True)
    writing.start()
    writing.join(30)
    assert target.is_file()
    assert victim.read_text() == "s3sync_last_success_timestamp_seconds{} 1\n"


_CONNECT = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[2])
except OSError as error:
    sys.exit(error.strerror)
print("connected")
"""


@pytest.fixture
def embedded() -> Iterator[tuple[Path, str]]:
    with TemporaryDirectory(prefix="s3sync-modes-") as directory:
        Path(directory).chmod(0o755)  # others may pass, as through a home of theirs
        data = Path(directory) / "data"
        with EmbeddedPostgres(data) as conninfo:
            yield data, conninfo


def test_the_embedded_database_is_the_owners_alone(embedded: tuple[Path, str]) -> None:
    data, conninfo = embedded
    # Postgres runs as somebody else where we are root, who must pass, and may do no more.
    assert mode_of(data) in {0o700, 0o701}
    assert mode_of(data / "pgdata") == 0o700
    parts = conninfo_to_dict(conninfo)
    path = Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}"
    assert mode_of(path) == 0o700
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("select pg_backend_pid(), current_setting('listen_addresses')")
        found = row.fetchone()
    assert found is not None
    assert found[1] == ""
    server = psutil.Process(int((data / "pgdata" / "postmaster.pid").read_text().split()[0]))
    listening = [c.laddr for c in server.net_connections("tcp") if c.status == "LISTEN"]
    assert listening == []
    socket.socket(socket.AF_UNIX).connect(str(path))  # we can
    tried = subprocess.run(
        [sys.executable, "-c", _CONNECT, str(NOBODY), str(path)], capture_output=True, text=True
    )
    assert "Permission denied" in tried.stderr, (tried.stdout, tried.stderr)

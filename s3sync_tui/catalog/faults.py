"""What Postgres's errors mean for the one who has to mend them."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from s3sync_tui.catalog.schema import missing_schema
from s3sync_tui.catalog.sqlstates import (
    TOO_MANY,
    TOO_SLOW,
    meaning,
    raised_by_schema,
    refuses_row,
    row_refused,
)
from s3sync_tui.errors import CatalogDenied, CatalogError, CatalogUnreachable, S3SyncError

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_CLASSES = {"08", "53", "57"}  # connection, resources, operator intervention
# Serialization, deadlock, lock not available; too long idle in a transaction, as we are where
# this machine slept or was cut off in the middle of a batch.
_TRANSIENT = {"40001", "40P01", "55P03", "25P03"}
_LASTING = {"53100", "57014", "57P04"}  # disk full, statement timeout, database dropped

# While it connects, libpq hands on the server's words, but no SQLSTATE.
_REFUSED = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in"
    r"|permission denied for database|role \".*\" does not exist"
    # Supabase's pooler, in its old words and in its new ones.
    r"|[Tt]enant(?: or |/)user .*not found"
)
_NO_DATABASE = re.compile(r"database \".*\" does not exist")
_TOO_MANY = re.compile(
    r"too many clients|remaining connection slots|too many connections|[Mm]ax client connections"
    r"|no more connections allowed|max clients reached"
)
# Not a server that went away: OpenSSL 3 reports that, too, as an error of SSL.
_NOT_SECURE = re.compile(
    r"certificate|does not support SSL|SSL error(?!: unexpected eof)", re.IGNORECASE
)
_NO_SCHEMA = {"42883", "42P01", "42703"}  # no such function, table, column


def will_stay(error: BaseException | None) -> bool:
    """Whether a connection that was refused so is refused until somebody does something."""
    text = first_line(error) if isinstance(error, psycopg.Error) else ""
    return bool(_REFUSED.search(text) or _NO_DATABASE.search(text))


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment."""
    if isinstance(error, PoolTimeout):
        return False  # it has waited and reconnected for half a minute already
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:  # no answer from the server: the connection broke
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return state in _TRANSIENT or (state[:2] in _TRANSIENT_CLASSES and state not in _LASTING)
    return isinstance(error, TimeoutError)  # it may have been a peer that fell silent


def may_wait_for_a_lock(error: BaseException) -> bool:
    """Whether the call that failed so may have waited for somebody's lock until then."""
    kinds = (TimeoutError, PoolTimeout, errors.LockNotAvailable, errors.QueryCanceled)
    return isinstance(error, kinds)


def is_cut(error: BaseException | None) -> bool:
    """Whether the connection is lost, and others to the same server may be, too."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is None or state[:2] in {"08", "57"} or state == "25P03"


def explain(error: BaseException, where: str, table: str) -> S3SyncError:
    """The error in our own terms; ``where`` names the database without secrets."""
    text = first_line(error)
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state is None:
        return _explain_silence(error, text, where)
    if (ours := raised_by_schema(state)) is not None:
        return ours
    if state in {"28P01", "28000"}:
        return _refused_user(text, where)
    if state in _NO_SCHEMA:
        return missing_schema(table, where)
    if refuses_row(state):
        return row_refused(text, where)
    return meaning(state).error(text, where)


def refused(statement: str, error: psycopg.Error, where: str, table: str) -> S3SyncError:
    """Why a statement that an operator chose was not run."""
    state = error.sqlstate
    if state is None or state[:2] in _TRANSIENT_CLASSES or state == "42501":
        return explain(error, where, table)
    return CatalogError(
        f"The database refuses it: {first_line(error)} ({where}).", hint=f"It was: {statement}"
    )


def _explain_silence(error: BaseException, text: str, where: str) -> S3SyncError:
    """No statement was answered, or there is no connection."""
    if isinstance(error, TimeoutError):
        return TOO_SLOW.error(text, where)
    if isinstance(error, psycopg.ProgrammingError):
        # psycopg quotes from what it cannot read, which may be the password.
        return CatalogError(
            f"The connection string cannot be read ({where}).",
            hint="It looks like postgresql://user:password@host:5432/database; special characters "
            "in the password must be percent-encoded (@ is %40).",
        )
    if _REFUSED.search(text):
        return _refused_user(text, where)
    if _NO_DATABASE.search(text):
        return CatalogUnreachable(
            f"The {text} ({where}).", hint="Check the database name at the end of DATABASE_URL."
        )
    if _TOO_MANY.search(text):
        return TOO_MANY.error(text, where)
    if _NOT_SECURE.search(text):
        return CatalogUnreachable(
            f"No secure connection to the database: {text} ({where}).",
            hint="Check sslmode and sslrootcert in DATABASE_URL: the host must be one that its "
            "certificate names, and sslrootcert the authority that has signed it.",
        )
    if isinstance(error, PoolTimeout):
        return CatalogUnreachable(
            f"All connections to the database were busy for too long ({where}).",
            hint="Look at what they do: select * from pg_stat_activity where application_name = "
            "'s3sync-tui'. Then sync again: it goes on where it stopped.",
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return CatalogUnreachable(
            f"The database does not answer: {text} ({where}).", hint=_reach_hint(where)
        )
    return CatalogError(
        f"The database driver reports: {text} ({where}).",
        hint="Sync again: it goes on where it stopped. If it comes back, please report it.",
    )


def _refused_user(text: str, where: str) -> CatalogDenied:
    return CatalogDenied(
        f"The database refuses this user: {text} ({where}).",
        hint="Check user and password in DATABASE_URL; special characters in the password must be "
        "percent-encoded (@ is %40). Supabase's pooler calls the user postgres.<project>, and "
        "finds none of a project that is paused, or that another pooler serves.",
    )


def first_line(error: BaseException | None) -> str:
    """What it says, without the statement and its circumstances."""
    if isinstance(error, TimeoutError):
        return "no answer"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    # libpq tries every address of a name and reports all; the last is enough.
    return (text.rpartition("failed: ")[2] or text).removeprefix("FATAL:").strip()


def _reach_hint(where: str) -> str:
    if ".supabase.co" in where:
        return (
            "Supabase's direct host is reachable by IPv6 only: use the pooler's address from the "
            "project's Connect dialog (…pooler.supabase.com); and is the project paused?"
        )
    return "Check host and port in DATABASE_URL, and that the database is running and lets you in."

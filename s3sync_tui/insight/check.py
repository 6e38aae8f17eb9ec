"""One thing that was looked at, and how it came out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from s3sync_tui.safe_text import clipped, safe


class CheckStatus(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Short, stable, for programs: ``filename_unique``."""
    title: str
    """What is looked at, for people; at most 40 characters."""
    status: CheckStatus
    measured: str
    """What was found, in a few words."""
    why: str
    """Why it matters, in a sentence."""
    fix: str = ""
    """What to do, in a sentence; empty where nothing is to be done."""
    sql: tuple[str, ...] = ()
    """Statements that mend it, each run by itself; empty where SQL can't."""


WORST_FIRST = (CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.OK)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is about; makes its verdicts."""

    name: str
    title: str
    why: str

    def ok(self, measured: str) -> Check:
        """All is well."""
        return Check(self.name, self.title, CheckStatus.OK, measured, self.why)

    def unknown(self, measured: str, fix: str = "") -> Check:
        """It can't be told."""
        return Check(self.name, self.title, CheckStatus.UNKNOWN, measured, self.why, fix)

    def warn(self, measured: str, fix: str, sql: tuple[str, ...] = ()) -> Check:
        """It will hurt, or hurts a little."""
        return Check(self.name, self.title, CheckStatus.WARN, measured, self.why, fix, sql)

    def fail(self, measured: str, fix: str, sql: tuple[str, ...] = ()) -> Check:
        """Syncs, data or secrecy suffer."""
        return Check(self.name, self.title, CheckStatus.FAIL, measured, self.why, fix, sql)


def sql_name(name: str) -> str:
    """A name in public, ready for a statement."""
    return f'public."{name.replace(chr(34), chr(34) * 2)}"'


def printable(text: str, longest: int = 120) -> str:
    """Text for people, whatever is in a key: no control characters, and not endless."""
    return clipped(safe(text), longest)


def span(seconds: float) -> str:
    """A length of time: ``40 s``, ``5 min``, ``3 h``, ``12 d``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes for people, in powers of 1,000 as the quota: ``21.4 GB``."""
    for unit, power in (("TB", 4), ("GB", 3), ("MB", 2), ("kB", 1)):
        if count >= 1000**power:
            return f"{count / 1000**power:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def several(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``, ``12,000 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"

"""Whether all is well with schema, indexes, access, bucket and schedule, and if not, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Health:
    """All checks, the worst first."""

    at: datetime
    checks: list[Check]

    @property
    def worst(self) -> CheckStatus:
        """The status of the whole."""
        order = [CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN]
        found = {check.status for check in self.checks}
        return next((status for status in order if status in found), CheckStatus.OK)

"""The data that crosses rooms: frozen, slotted, columnar where there is much of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from s3sync_tui.phases import Phase, PhaseRecord

LAST_KEY = "\U0010ffff" * 256
"""No key sorts after this one: S3 keys are at most 1,024 bytes of UTF-8
(S3 user guide, "Creating object key names"), and this is 1,024 bytes of the
highest code point. Python compares strings by code point, S3 and Postgres
(collation "C") by UTF-8 bytes; the two orders are the same."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys ``after < key <= up_to``."""

    after: str = ""
    up_to: str = LAST_KEY

    def __contains__(self, key: str) -> bool:
        return self.after < key <= self.up_to

    @classmethod
    def of_prefix(cls, prefix: str) -> KeyRange:
        """The keys that start with ``prefix``, and no others that Postgres can store."""
        if not prefix:
            return cls()
        head, last = prefix[:-1], ord(prefix[-1])
        if last <= 1:  # only keys with U+0000, which Postgres cannot store, lie between
            return cls(head, prefix + LAST_KEY)
        before = 0xD7FF if last == 0xE000 else last - 1  # surrogates are no characters
        return cls(head + chr(before) + LAST_KEY, prefix + LAST_KEY)

    def split(self, cuts: Iterable[str]) -> list[KeyRange]:
        """This range cut at ``cuts`` (in any order; those outside are ignored)."""
        inside = sorted({cut for cut in cuts if self.after < cut < self.up_to})
        starts, ends = [self.after, *inside], [*inside, self.up_to]
        return [KeyRange(after, up_to) for after, up_to in zip(starts, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class Rows:
    """Images as columns, one entry each per image, sorted by key."""

    keys: list[str]
    etags: list[str]
    sizes: list[int]
    """Bytes."""
    modified: list[str]
    """Last-Modified as S3 wrote it: ISO 8601, UTC."""

    def __len__(self) -> int:
        return len(self.keys)

    def slice(self, start: int, end: int) -> Rows:
        """The rows from ``start`` up to, not including, ``end``."""
        return Rows(
            self.keys[start:end],
            self.etags[start:end],
            self.sizes[start:end],
            self.modified[start:end],
        )

    def take(self, indices: Iterable[int]) -> Rows:
        """The rows at ``indices``, in that order."""
        chosen = list(indices)
        return Rows(
            [self.keys[i] for i in chosen],
            [self.etags[i] for i in chosen],
            [self.sizes[i] for i in chosen],
            [self.modified[i] for i in chosen],
        )


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """What one LIST answer says about ``span``: every object in it is named here."""

    span: KeyRange
    images: Rows
    """Objects that the patterns select and Postgres can store."""
    others: list[str]
    """Keys that exist but are not selected."""
    rejected: list[str]
    """Selected keys that Postgres cannot store (U+0000, broken UTF-8), made printable."""
    weight_bytes: int
    """About what this page occupies in memory; queues are bounded by it."""

    def until(self, up_to: str) -> ObjectPage:
        """What this page says of its span as far as ``up_to``. Not for pages with rejected
        keys: nobody can tell where these are."""
        return ObjectPage(
            KeyRange(self.span.after, up_to),
            self.images.slice(0, bisect_right(self.images.keys, up_to)),
            [key for key in self.others if key <= up_to],
            [],
            self.weight_bytes,
        )


class RunStatus(StrEnum):
    """How a run stands or ended; the values of ``sync_runs.status``."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class RunMode(StrEnum):
    """What a run lists."""

    FULL = "full"
    """Everything."""
    DELTA = "delta"
    """What may have come since the last run, as far as the order of keys tells."""


ModeChoice = Literal["auto", "full", "delta"]
"""How runs are meant to be; ``auto`` is delta where that will do."""


@dataclass(frozen=True, slots=True)
class Level:
    """What lies directly under a prefix, cut at the next ``/``."""

    prefixes: list[str]
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Lanes:
    """What a full run has learnt of the bucket's order, for the delta runs that follow."""

    fingerprint: str
    """Of the settings under which that is true."""
    full_at: datetime
    """When the last full run that succeeded began, by the database's clock."""
    depth: int
    """How many ``/`` below the configured prefix the lanes end."""
    prefixes: list[str]
    """The lanes; empty where there is no order to go by."""
    watermarks: list[str]
    """For each lane the key after which a delta lists it; empty: from its first key on."""
    why_full: str
    """Why ``auto`` stays with full runs, as half a sentence; empty where delta will do."""


@dataclass(frozen=True, slots=True)
class RunStats:
    """Cumulative figures of one run; ``total = added + skipped`` once it succeeded."""

    total: int = 0
    """Images found in the bucket."""
    added: int = 0
    """Rows inserted (in a dry run: that would be)."""
    changed: int = 0
    """Rows updated: other etag or size, or back after having been marked missing."""
    gone: int = 0
    """Rows whose object is no longer in the bucket (and not marked before)."""
    rejected: int = 0
    """Selected objects whose key Postgres cannot store."""
    list_requests: int = 0
    cost_usd: float = 0.0
    duration_seconds: float = 0.0

    @property
    def skipped(self) -> int:
        """Images that were in the catalog already."""
        return max(0, self.total - self.added)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Who wants to sync what; becomes the run's row."""

    bucket: str
    prefix: str
    mode: RunMode
    holder: str
    """Host and process, for whoever finds the lease taken."""
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class RunTicket:
    """A run that holds the lease; or, without a number, a dry run."""

    run_id: int | None
    started_at: datetime
    """By the database's clock."""
    interrupted: list[int]
    """Dead runs that were found ``running`` and are now marked ``interrupted``."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as the catalog remembers it."""

    run_id: int
    bucket: str
    prefix: str
    mode: str
    status: RunStatus
    holder: str
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None
    stats: RunStats
    error: str
    hint: str
    details: dict[str, Any]
    """Samples of gone and rejected keys, failed ranges, phases: as stored, perhaps by
    another program. The properties below take it as far as it makes sense."""

    @property
    def phases(self) -> list[PhaseRecord]:
        """How each phase went, or how far it is; empty where nobody recorded it."""
        stored = self.details.get("phases")
        read = [PhaseRecord.read(each) for each in stored] if isinstance(stored, list) else []
        known = {record.phase: record for record in read if record is not None}
        return [known[phase] for phase in Phase if phase in known]

    @property
    def mode_reason(self) -> str:
        """Why it was full or delta; empty where nobody recorded it."""
        stored = self.details.get("mode_reason")
        return stored if isinstance(stored, str) else ""

    @property
    def failed_ranges(self) -> list[KeyRange]:
        """Those that could not be listed; the first hundred."""
        stored = self.details.get("failed_ranges")
        pairs = stored if isinstance(stored, list) else []
        return [KeyRange(*p) for p in pairs if len(keys := _texts(p)) == 2 and p == keys]

    @property
    def gone_sample(self) -> list[str]:
        """Some of the keys that are gone."""
        return _texts(self.details.get("gone_sample"))

    @property
    def rejected_sample(self) -> list[str]:
        """Some of the keys that Postgres cannot store."""
        return _texts(self.details.get("rejected_sample"))


def _texts(stored: object) -> list[str]:
    return [each for each in stored if isinstance(each, str)] if isinstance(stored, list) else []


@dataclass(frozen=True, slots=True)
class CatalogSummary:
    """The catalog as a whole."""

    images: int
    """Rows in the table and its archive."""
    size_bytes: int
    """The sum of their objects' sizes."""
    at: datetime
    """By the database's clock, which dates leases and rows."""


@dataclass(frozen=True, slots=True)
class RangeDigest:
    """What the catalog holds in one key range."""

    rows: int
    """Also those marked missing, which the digest leaves out."""
    digest: str
    """SHA-256 in hex; the form is given at :func:`s3sync_tui.engine.reconcile.digest`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one page and the catalog differ; indices point into the page's images."""

    missing: list[int]
    changed: list[int]
    gone: int
    gone_sample: list[str]
    """Some of the gone keys, for people to look at."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    run_id: int | None
    """None for a dry run, which leaves no row."""
    status: RunStatus
    mode: RunMode
    dry_run: bool
    stats: RunStats
    failed_ranges: list[KeyRange]
    gone_sample: list[str]
    rejected_sample: list[str]
    error: str = ""
    hint: str = ""
    exit_code: int = 0
    passes: bool = False
    """Whether what made it fail may pass by itself."""
    phases: Sequence[PhaseRecord] = ()
    mode_reason: str = ""
    """Why it was full or delta, as half a sentence."""

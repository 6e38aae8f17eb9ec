"""What the catalog says about itself: raw facts, which insight judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from s3sync_tui.catalog.moments import moment
from s3sync_tui.model import RunRecord, RunStats, RunStatus

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The newest runs, and what the last 30 days' runs have asked of S3 in all."""

    at: datetime
    """By the database's clock, as everywhere here."""
    runs: list[RunRecord]
    """The newest first."""
    last_full: RunRecord | None
    """The newest full run that succeeded, however long ago."""
    month_runs: int
    month_list_requests: int
    month_cost_usd: float


@dataclass(frozen=True, slots=True)
class GrowthFacts:
    """Kept counts and sizes. Hours and days without images are left out."""

    at: datetime
    synced_at: datetime | None
    """When the last run that succeeded began: what came later may not be known."""
    newest_at: datetime | None
    """At least this young is the youngest image; exact to the hour, mostly to the second."""
    objects_total: int
    bytes_total: int
    rows_bytes: int
    """The table and its archive on disk, with their indexes."""
    ours_bytes: int
    """All our tables."""
    database_bytes: int | None
    """The whole database; None where this user may not know."""
    hours: list[datetime]
    hour_objects: list[int]
    hour_bytes: list[int]
    days: list[datetime]
    day_objects: list[int]
    day_bytes: list[int]


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """A row level security policy that speaks of anonymous or signed-in API users."""

    name: str
    roles: list[str]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """Who gets at one of our tables."""

    name: str
    exists: bool
    row_security: bool
    policies: list[PolicyFacts]
    granted: list[str]
    """Roles among anon and authenticated with any privilege on it."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The column ``filename`` of ``table``."""

    table: str
    bytewise: bool
    """Its collation is "C"."""
    not_null: bool


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index that the schema's functions rely on."""

    table: str
    name: str
    exists: bool
    valid: bool
    unique: bool
    scans: int | None


@dataclass(frozen=True, slots=True)
class UniqueFacts:
    """A unique index over ``filename`` alone, whoever made it."""

    name: str
    valid: bool


@dataclass(frozen=True, slots=True)
class UpkeepFacts:
    """What VACUUM and ANALYZE have left behind."""

    rows: int
    """An estimate."""
    analyzed: bool
    dead_rows: int | None
    pages: int
    visible_pages: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberedFacts:
    """A column that counts up, by a sequence of its own."""

    column: str
    sequence: str
    type: str
    last: int | None
    limit: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The last 100 runs, the newest first."""

    succeeded: int
    succeeded_at: datetime | None
    """When the last of those ended."""
    listed_from: datetime | None
    """When it began: images that are older than this should be in the table."""
    starts: list[datetime]
    statuses: list[str]
    last_error: str
    last_hint: str
    dead: list[int]
    """Runs still called running though nobody holds their lease."""


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """All that health checks need from the database."""

    at: datetime
    role: str
    version: int
    problems: list[str]
    low_roles: list[str]
    """Which of anon and authenticated exist."""
    counters_since: datetime | None
    tables: list[TableFacts]
    """The table of images first."""
    open_functions: list[str]
    columns: list[ColumnFacts]
    indexes: list[IndexFacts]
    unique_indexes: list[UniqueFacts]
    upkeep: UpkeepFacts | None
    numbered: list[NumberedFacts]
    duplicates: int | None
    """Filenames that occur more than once; None where they can't, or counting takes long."""
    runs: RunFacts | None
    newest_key: str | None


@dataclass(frozen=True, slots=True)
class CountFacts:
    """Kept counts and the truth, in one snapshot."""

    kept_objects: int
    true_objects: int
    wrong_hours: int
    duplicates: int


def read_history(row: Mapping[str, Any]) -> RunHistory:
    """From what ``s3sync_history`` returns."""
    month, full = row["month"], row.get("full")
    return RunHistory(
        moment(row["at"]),
        [_run(run) for run in row["runs"]],
        full and _run(full),
        month["runs"],
        month["list_requests"],
        float(month["cost_usd"]),
    )


def read_growth(row: Mapping[str, Any]) -> GrowthFacts:
    """From what ``s3sync_growth`` returns."""
    times = {name: _moments(row[name]) for name in ("at", "synced_at", "newest_at")}
    lists = {name: _moments(row[name]) for name in ("hours", "days")}
    return GrowthFacts(**{**row, **times, **lists})


def read_health(row: Mapping[str, Any]) -> HealthFacts:
    """From what ``s3sync_health`` returns."""
    upkeep, runs = row["upkeep"], row["runs"]
    return _of(
        HealthFacts,
        row,
        tables=[
            _of(TableFacts, table, policies=[_of(PolicyFacts, p) for p in table["policies"]])
            for table in row["tables"]
        ],
        columns=[_of(ColumnFacts, column) for column in row["columns"]],
        indexes=[_of(IndexFacts, index) for index in row["indexes"]],
        unique_indexes=[_of(UniqueFacts, index) for index in row["unique_indexes"]],
        upkeep=upkeep and _of(UpkeepFacts, upkeep),
        numbered=[_of(NumberedFacts, column) for column in row["numbered"]],
        runs=runs
        and _of(
            RunFacts,
            runs,
            starts=_moments(runs["starts"]),
            last_error=runs["last_error"] or "",
            last_hint=runs["last_hint"] or "",
        ),
    )


def _of(kind: type[_T], row: Mapping[str, Any], **made: Any) -> _T:
    """``kind`` of a JSON object; fields that end in ``_at`` and the like are times."""
    values = {}
    for name in (field.name for field in fields(kind)):  # type: ignore[arg-type]
        value = made[name] if name in made else row[name]
        is_time = name == "at" or name.endswith(("_at", "_from", "_since"))
        values[name] = _moments(value) if is_time else value
    return kind(**values)


def _moments(value: Any) -> Any:
    if isinstance(value, list):
        return [moment(each) for each in value]
    return value and moment(value)


def _run(row: Mapping[str, Any]) -> RunRecord:
    started, ended = moment(row["started_at"]), moment(row["finished_at"] or row["heartbeat_at"])
    seconds = row["duration_seconds"]
    stats = RunStats(
        total=row["total"],
        added=row["added"],
        changed=row["changed"],
        gone=row["gone"],
        rejected=row["rejected"],
        list_requests=row["list_requests"],
        cost_usd=float(row["cost_usd"]),
        duration_seconds=float((ended - started).total_seconds() if seconds is None else seconds),
    )
    return RunRecord(
        run_id=row["id"],
        bucket=row["bucket"],
        prefix=row["prefix"],
        mode=row["mode"],
        status=RunStatus(row["status"]),
        holder=row["holder"],
        started_at=started,
        heartbeat_at=moment(row["heartbeat_at"]),
        finished_at=_moments(row["finished_at"]),
        stats=stats,
        error=row["error"] or "",
        hint=row["hint"] or "",
        details=row["details"] if isinstance(row["details"], dict) else {},
    )

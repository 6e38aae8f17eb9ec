"""Runs, growth and health as files: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3sync_tui.insight.check import printable
from s3sync_tui.insight.documents import (
    growth_document,
    health_document,
    history_document,
    run_object,
)
from s3sync_tui.model import RunRecord

if TYPE_CHECKING:  # the dashboard would pay for them before its first paint
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""A cell that begins so is computed by spreadsheets, whoever wrote it; a quote before it
makes it text. OWASP, "CSV Injection": https://owasp.org/www-community/attacks/CSV_Injection"""
_MOST_CHARACTERS = 32_000
"""Of one line in a cell; Excel takes 32,767 in a cell."""
_RUN_COLUMNS = (
    "run_id", "status", "mode", "bucket", "prefix", "holder",
    "started_at", "heartbeat_at", "finished_at", "duration_seconds",
    "total", "added", "skipped", "changed", "gone", "rejected",
    "list_requests", "cost_usd", "error", "hint",
)  # fmt: skip

Cell = str | int | float | None


class Form(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; texts, numbers, and nothing where nothing is known."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Export:
    """What can be written in either form."""

    name: str
    """``runs``, ``growth`` or ``health``."""
    table: Table
    document: dict[str, Any]
    """As ``history``, ``growth`` and ``health --json`` print it."""

    def text(self, form: Form) -> str:
        """The file's text."""
        if form is Form.JSON:
            return json.dumps(self.document, indent=2) + "\n"
        return as_csv(self.table)


def export_runs(runs: Sequence[RunRecord], cost: Cost | None = None) -> Export:
    """One row for each run, in their order. JSON also has phases, sample keys, failed ranges."""
    rows = []
    for run in runs:
        plain = run_object(run)
        rows.append(tuple(plain[column] for column in _RUN_COLUMNS))
    return Export("runs", Table(_RUN_COLUMNS, rows), history_document(runs, cost))


def export_growth(growth: Growth) -> Export:
    """One row for each hour, day, week and month; rates, projections and quota in JSON only."""
    rows: list[tuple[Cell, ...]] = [
        (period.value, start.isoformat(), count, size_bytes)
        for period, arrivals in growth.arrivals.items()
        for start, count, size_bytes in zip(
            arrivals.starts, arrivals.counts, arrivals.size_bytes, strict=True
        )
    ]
    columns = ("period", "started_at", "images", "size_bytes")
    return Export("growth", Table(columns, rows), growth_document(growth))


def export_health(health: Health) -> Export:
    """One row for each check, the worst first."""
    at = health.at.isoformat()
    rows: list[tuple[Cell, ...]] = [
        (at, c.name, c.title, c.status.value, c.measured, c.why, c.fix, "\n".join(c.sql))
        for c in health.checks
    ]
    columns = ("checked_at", "name", "title", "status", "measured", "why", "fix", "sql")
    return Export("health", Table(columns, rows), health_document(health))


def as_csv(table: Table) -> str:
    """RFC 4180, with a header. Numbers stay numbers; texts hold nothing that a terminal or
    a spreadsheet would obey."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return written.getvalue()


def default_name(name: str, form: Form, now: datetime) -> str:
    """``s3sync-runs-2026-11-25.csv``."""
    return f"s3sync-{name}-{now:%Y-%m-%d}.{form.value}"


def free_path(path: Path) -> Path:
    """``path``, or where something is there already, the first of ``…-2``, ``…-3`` that is free."""
    return next(each for each in _numbered(path) if not os.path.lexists(each))


def write_new(path: Path, text: str) -> None:
    """Write ``text`` to a new file. Nothing is ever overwritten, and no half file stays.

    Raises ``OSError``, among others ``FileExistsError``.
    """
    with path.open("x", encoding="utf-8", newline="") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{Decimal(repr(value)):f}"
        case int():
            return str(value)
    text = "\n".join(printable(line, _MOST_CHARACTERS) for line in value.splitlines())
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

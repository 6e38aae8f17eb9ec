"""Growth, health and history as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3sync_tui.headless.report import duration
from s3sync_tui.insight.check import Check, CheckStatus, printable, several, size
from s3sync_tui.insight.cost import Cost
from s3sync_tui.insight.growth import Growth, Period
from s3sync_tui.insight.health import Health
from s3sync_tui.model import RunRecord, RunStatus

_MARKS = {
    CheckStatus.OK: ("✓", "green"),
    CheckStatus.WARN: ("!", "yellow"),
    CheckStatus.FAIL: ("✗", "red"),
    CheckStatus.UNKNOWN: ("?", "blue"),
}
_RUN_STYLES = {
    RunStatus.RUNNING: "cyan",
    RunStatus.SUCCEEDED: "green",
    RunStatus.CANCELLED: "yellow",
    RunStatus.FAILED: "red",
    RunStatus.INTERRUPTED: "red",
}
_SHOWN_PERIODS = 12
_TITLE = 40


def print_health(health: Health, console: Console) -> None:
    """One line for each check; below what is wrong, why it matters and what to do."""
    for check in health.checks:
        mark, style = _MARKS[check.status]
        line = Text.assemble(
            (mark, f"bold {style}"), " ", (f"{check.title:<{_TITLE}}", "bold"), "  "
        )
        console.print(line.append(printable(check.measured, 400)), highlight=False)
        if check.status is not CheckStatus.OK:
            _print_advice(check, console)
    found = [sum(c.status is status for c in health.checks) for status in _MARKS]
    names = ("ok", "to look at", "failed", "unknown")
    counts = [f"{n} {name}" for n, name in zip(found, names, strict=True) if n]
    console.print(Text(", ".join(counts), "dim"))


def _print_advice(check: Check, console: Console) -> None:
    for label, text in (("why", check.why), ("fix", check.fix)):
        if text:
            console.print(Text(f"    {label}: {printable(text, 400)}", "dim"), highlight=False)
    for statement in check.sql:
        for line in statement.splitlines():
            console.print(f"      {printable(line, 2000)}", markup=False, highlight=False)


def print_growth(growth: Growth, console: Console) -> None:
    """Totals, rates, projections, and arrivals by day, week and month."""
    console.print(
        f"{several(growth.images, 'image')}, {size(growth.size_bytes)} in S3; "
        f"today {growth.today:,}"
    )
    database = f"Our tables {size(growth.database_bytes)}, {growth.bytes_per_row:,.0f} bytes a row"
    if growth.quota_bytes is not None:
        used = growth.whole_database_bytes
        shown = size(growth.database_bytes if used is None else used)
        database += f"; {shown} of {size(growth.quota_bytes)} used"
        if growth.full_in_days is not None:
            database += f", full in {growth.full_in_days:,.0f} days"
    console.print(database)
    rates = _table("over", "images per hour")
    for rate in growth.rates:
        shown = "not known yet" if rate.per_hour is None else f"{rate.per_hour:,.0f}"
        hours = rate.window_hours
        rates.add_row(f"{hours} h" if hours < 48 else f"{hours // 24} d", shown)
    console.print(rates)
    if growth.projections:
        ahead = _table("in", "images", "90 % between", "and", "our tables")
        for at in growth.projections:
            figures = [f"{n:,}" for n in (at.images, at.low, at.high)]
            ahead.add_row(f"{at.days} d", *figures, size(at.database_bytes))
        console.print(ahead)
    for period in (Period.DAY, Period.WEEK, Period.MONTH):
        arrivals = growth.arrivals[period]
        if not arrivals.starts:
            continue
        table = _table(f"{period.value} (UTC)", "images", "size")
        rows = zip(arrivals.starts, arrivals.counts, arrivals.size_bytes, strict=True)
        for start, count, count_bytes in list(rows)[-_SHOWN_PERIODS:]:
            table.add_row(f"{start:%Y-%m-%d}", f"{count:,}", size(count_bytes))
        console.print(table)


def print_history(runs: list[RunRecord], cost: Cost, console: Console) -> None:
    """One line for each run, the newest first, and what listing costs."""
    if not runs:
        console.print("No runs yet.")
        return
    table = _table("run", "started (UTC)", "took", "total", "added", "skipped", "LIST", "status")
    table.columns[1].justify = table.columns[-1].justify = "left"
    for run in runs:
        stats = run.stats
        figures = (stats.total, stats.added, stats.skipped, stats.list_requests)
        table.add_row(
            str(run.run_id),
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            duration(stats.duration_seconds),
            *(f"{figure:,}" for figure in figures),
            Text(run.status.value, _RUN_STYLES[run.status]),
        )
    console.print(table)
    for run in (run for run in runs[:5] if run.error):
        console.print(f"Run {run.run_id}: {printable(run.error, 400)}", markup=False)
    line = f"Listing: ${cost.month_usd:,.2f} in the last 30 days"
    if cost.projected_month_usd is not None:
        line += f", ${cost.projected_month_usd:,.2f} in 30 days at the present pace"
    console.print(line)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table

"""Where and when a run was, and what became of the images that it found."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from s3sync_tui.model import KeyRange, RunRecord, RunStatus
from s3sync_tui.safe_text import safe, safe_key, safe_lines
from s3sync_tui.tui.figures import ago, count, duration, fit, money
from s3sync_tui.tui.tones import FAINT, MUTED
from s3sync_tui.tui.widgets.outcome import found
from s3sync_tui.tui.widgets.runs_table import RUN_SIGNS

WIDE_CELLS = 96
"""From here on, facts and figures stand side by side."""
_NAME_CELLS = 7
_GAP = 4
_WORDS = {
    RunStatus.RUNNING: "Under way",
    RunStatus.SUCCEEDED: "Succeeded",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
    RunStatus.INTERRUPTED: "Interrupted",
}
_LAST_KEY = "\U0010ffff"


class RunFacts(Widget):
    """How it stands, bucket, host, times and cost; the sum of total, added and skipped."""

    DEFAULT_CSS = """
    RunFacts { height: 10; }
    RunFacts.-wide { height: 7; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._run: RunRecord | None = None
        self._now: datetime | None = None

    def show(self, run: RunRecord, now: datetime) -> None:
        """Show ``run`` as seen at ``now``."""
        self._run, self._now = run, now
        self.refresh()

    def on_resize(self) -> None:
        """Side by side, or below each other."""
        self.set_class(self.size.width >= WIDE_CELLS, "-wide")

    def render(self) -> Content:
        """A line for each fact."""
        run, now, cells = self._run, self._now, self.size.width
        if run is None or now is None:
            return Content.empty()
        head = [_head(run, now, cells), Content.empty()]
        facts = _facts(run, now)
        if cells < WIDE_CELLS:
            shown = [_fact(name, value, cells) for name, value in facts]
            return Content("\n").join([*head, *shown, Content.empty(), *_sentences(run)])
        figures = _sum(run)
        width = max(line.cell_length for line in figures)
        rows = []
        for (name, value), figure in zip(facts, figures, strict=True):
            fact = _fact(name, value, cells - width - _GAP)
            gap = " " * (cells - width - fact.cell_length)
            rows.append(Content.assemble(fact, gap, figure))
        return Content("\n").join([*head, *rows])


def aftermath(run: RunRecord) -> Content:
    """What went wrong where, and samples of keys: each key on a line of its own."""
    parts: list[Content] = []
    ranges = run.failed_ranges
    if ranges:
        number = f"{len(ranges)} key range{'s' if len(ranges) > 1 else ''}"
        parts.append(Content.styled(f"{number} could not be listed", "bold $text-error"))
        parts += [_range(span) for span in ranges]
    for keys, words, style in (
        (
            [safe_key(key) for key in run.gone_sample],
            f"{count(run.stats.gone)} gone, for example",
            "bold",
        ),
        (
            run.rejected_sample,
            f"{count(run.stats.rejected)} rejected: Postgres cannot store such keys",
            "bold $text-warning",
        ),
    ):
        if keys:
            parts += [Content.empty()] if parts else []
            parts.append(Content.styled(words, style))
            parts += [Content.assemble(("  ", ""), safe(key)) for key in keys]
    return Content("\n").join(parts)


def fault(run: RunRecord) -> Content:
    """The error in full and what to do about it; empty where there is none."""
    parts = []
    if run.error:
        tone = RUN_SIGNS[run.status][1]
        parts.append(Content.styled(safe_lines(run.error), f"$text-{tone}"))
    if run.hint:
        parts.append(Content.assemble(("→ ", "bold $text-accent"), safe_lines(run.hint)))
    return Content("\n").join(parts)


def _head(run: RunRecord, now: datetime, cells: int) -> Content:
    sign, tone = RUN_SIGNS[run.status]
    status = f"{sign} {_WORDS[run.status]}"
    took = duration(run.stats.duration_seconds)
    if run.status is RunStatus.RUNNING:
        said = f"for {took} · heartbeat {ago(run.heartbeat_at, now)}"
    else:
        said = f"{ago(run.finished_at or run.heartbeat_at, now)} · took {took}"
    tail = fit(f" · {said}", max(0, cells - cell_len(status)))
    return Content.assemble((status, f"bold $text-{tone}"), (tail, MUTED))


def _facts(run: RunRecord, now: datetime) -> list[tuple[str, str]]:
    ended = run.finished_at
    stats = run.stats
    asked = f"{count(stats.list_requests)} LIST request{'s' if stats.list_requests != 1 else ''}"
    return [
        ("bucket", f"{safe(run.bucket)}/{safe(run.prefix)}"),
        ("by", f"{safe(run.holder)} · {safe(run.mode)}{_why(run)}"),
        ("began", _absolute(run.started_at, now)),
        ("ended", _absolute(ended, now) if ended is not None else "not yet"),
        ("asked", f"{asked} · {money(stats.cost_usd)}"),
    ]


def _why(run: RunRecord) -> str:
    return f": {safe(run.mode_reason)}" if run.mode_reason else ""


def _fact(name: str, value: str, cells: int) -> Content:
    return Content.assemble((f"{name:<{_NAME_CELLS}}", MUTED), fit(value, cells - _NAME_CELLS))


def _sum(run: RunRecord) -> list[Content]:
    """The figures below each other, as many lines as there are facts."""
    stats = run.stats
    cells = len(count(max(stats.total, stats.added)))
    total, rest = _names(run)
    rows = [
        ("  ", stats.total, f"images {total}", "bold"),
        ("= ", stats.added, "added", "bold $text-success" if stats.added else "bold"),
        ("+ ", stats.skipped, rest, "bold"),
    ]
    shown = [
        Content.assemble((sign, MUTED), (f"{number:>{cells},}", style), (f" {name}", MUTED))
        for sign, number, name, style in rows
    ]
    width = max(line.cell_length for line in shown)
    padded = [line.pad_right(width - line.cell_length) for line in shown]
    return [*padded, Content.empty(), _besides(run)]


def _names(run: RunRecord) -> tuple[str, str]:
    """What total and skipped mean: only a run that succeeded knows about every image."""
    if run.status is RunStatus.SUCCEEDED:
        return found(run), "skipped"
    return "found", "skipped or not done"


def _sentences(run: RunRecord) -> list[Content]:
    stats = run.stats
    return [
        Content.assemble(
            (count(stats.total), "bold"),
            (" images = ", MUTED),
            (count(stats.added), "bold $text-success" if stats.added else "bold"),
            (" added + ", MUTED),
            (count(stats.skipped), "bold"),
            (f" {_names(run)[1]}", MUTED),
        ),
        _besides(run),
    ]


def _besides(run: RunRecord) -> Content:
    stats = run.stats
    said = [(stats.changed, "changed", "bold"), (stats.gone, "gone", "bold")]
    said.append((stats.rejected, "rejected", "bold $text-warning"))
    parts = [
        Content.assemble((count(number), style if number else FAINT), (f" {name}", MUTED))
        for number, name, style in said
    ]
    return Content.styled(" · ", MUTED).join(parts)


def _absolute(then: datetime, now: datetime) -> str:
    return f"{then.astimezone(now.tzinfo):%Y-%m-%d %H:%M:%S %Z} · {ago(then, now)}"


def _range(span: KeyRange) -> Content:
    after = f"after {_edge(span.after)}" if span.after else "from the first key"
    up_to = f"up to {_edge(span.up_to)}" if span.up_to.rstrip(_LAST_KEY) else "to the last key"
    return Content.assemble(("  ", ""), after, (", ", MUTED), up_to)


def _edge(key: str) -> str:
    """A key, or the end of all keys that begin so."""
    begins = key.rstrip(_LAST_KEY)
    return f"{safe_key(begins)}…" if len(key) - len(begins) > 1 else safe_key(key)

"""The runs as a table that can be sorted, and changes without a flicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.tui.figures import count, duration, moment, short

RUN_SIGNS = {
    RunStatus.RUNNING: ("▶", "primary"),
    RunStatus.SUCCEEDED: ("✓", "success"),
    RunStatus.FAILED: ("✗", "error"),
    RunStatus.CANCELLED: ("■", "warning"),
    RunStatus.INTERRUPTED: ("!", "error"),
}


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: int
    rank: Callable[[RunRecord], float | str]
    shown: Callable[[RunRecord], str] | None = None
    """None where the table itself knows how."""


def _figures(show: Callable[[int], str], cells: dict[str, int]) -> list[_Column]:
    made = {
        "total": _Column("total", 0, lambda r: r.stats.total, lambda r: show(r.stats.total)),
        "added": _Column("added", 0, lambda r: r.stats.added, lambda r: show(r.stats.added)),
        "skipped": _Column(
            "skipped", 0, lambda r: r.stats.skipped, lambda r: show(r.stats.skipped)
        ),
        "changed": _Column(
            "changed", 0, lambda r: r.stats.changed, lambda r: show(r.stats.changed)
        ),
        "gone": _Column("gone", 0, lambda r: r.stats.gone, lambda r: show(r.stats.gone)),
    }
    return [
        _Column(column.name, width, column.rank, column.shown)
        for name, width in cells.items()
        for column in [made[name]]
    ]


_WHEN = _Column("when", 14, lambda r: r.started_at.timestamp())
_TOOK = _Column(
    "took", 10, lambda r: r.stats.duration_seconds, lambda r: duration(r.stats.duration_seconds)
)
_STATUS = _Column("status", 11, lambda r: r.status.value, lambda r: r.status.value)
_ALL = {"total": 11, "added": 10, "skipped": 11, "changed": 9, "gone": 9}
_LAYOUTS = [
    [_WHEN, _TOOK, *_figures(count, _ALL), _STATUS],
    [_WHEN, _TOOK, *_figures(short, dict.fromkeys(_ALL, 7)), _STATUS],
    [_WHEN, _TOOK, *_figures(short, dict.fromkeys(_ALL, 7))],
    [_WHEN, _TOOK, *_figures(short, dict.fromkeys(("total", "added", "skipped"), 7))],
    [_WHEN, *_figures(short, dict.fromkeys(("total", "added"), 7))],
]
"""From wide to narrow; the first that fits is used."""


class _Cell(Text):
    """A cell that knows what it is sorted by."""

    rank: tuple[float | str, int] = (0, 0)
    """By its value; where values are the same, by the run's number."""


class RunsTable(DataTable[_Cell]):
    """One row for each run; enter opens it."""

    DEFAULT_CSS = """
    RunsTable {
        height: 1fr; background: transparent; scrollbar-size: 1 1; overflow-x: hidden;
        & > .datatable--header { background: transparent; color: $text-muted; text-style: none; }
        & > .datatable--header-hover { background: $block-hover-background; color: $primary; }
        & > .datatable--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: none;
        }
        &:focus { background-tint: transparent; }
        &:focus > .datatable--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
        &:ansi > .datatable--header { background: ansi_default; color: ansi_default; }
        &:ansi > .datatable--cursor { background: ansi_default; text-style: bold; }
        &:ansi:focus > .datatable--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "sort_next", "Order", show=False),
        Binding("O", "sort_other_way", "Other way", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    order: reactive[tuple[str, bool]] = reactive(("when", True))
    """The column that is sorted by, and whether the largest is on top."""

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable")
        self._columns: list[_Column] = []
        self._runs: dict[str, RunRecord] = {}
        self._now: datetime | None = None

    def on_mount(self) -> None:
        """Colours are in the cells: follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._rebuild())

    def notify_style_update(self) -> None:
        """Unlike DataTable, keep what is drawn: whether it has the focus is among the keys of
        its caches, and drawing all rows anew took 50 ms at each change of focus."""
        super(DataTable, self).notify_style_update()
        self._get_styles_to_render_cell.cache_clear()
        self._styles_cache.clear()
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        """Other columns may fit."""
        columns = _columns_for(event.size.width)
        if columns is not self._columns:
            self._columns = columns
            if self.order[0] not in {column.name for column in columns}:
                self.set_reactive(RunsTable.order, ("when", True))
            self._rebuild()

    def show(self, runs: Sequence[RunRecord], now: datetime) -> None:
        """Show these: rows that stay are changed where they differ, the cursor stays."""
        self._runs = {str(run.run_id): run for run in runs}
        self._now = now
        self._update()

    def action_sort_next(self) -> None:
        """Sort by the next column."""
        names = [column.name for column in self._columns]
        self.order = (names[(names.index(self.order[0]) + 1) % len(names)], True)

    def action_sort_other_way(self) -> None:
        """Turn the order around."""
        self.order = (self.order[0], not self.order[1])

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column that was clicked; once more turns it around."""
        name = str(event.column_key.value)
        self.order = (name, not self.order[1] if name == self.order[0] else True)

    def watch_order(self) -> None:
        """Sort, and mark the column."""
        for column in self._columns:
            if self.columns:
                self.columns[ColumnKey(column.name)].label = self._label(column)
        self._clear_caches()
        self._arrange(self._current())

    def _rebuild(self) -> None:
        current = self._current()
        self.clear(columns=True)
        for column in self._columns:
            self.add_column(self._label(column), width=column.cells, key=column.name)
        self._update(current)

    def _update(self, current: str | None = None) -> None:
        if not self._columns or self._now is None:
            return
        current = current or self._current()
        with self.app.batch_update():
            for key in [str(row.value) for row in self.rows]:
                if key not in self._runs:
                    self.remove_row(key)
            known = {str(row.value) for row in self.rows}
            for key, run in self._runs.items():
                cells = [self._cell(column, run) for column in self._columns]
                if key not in known:
                    self.add_row(*cells, key=key)
                    continue
                for column, cell in zip(self._columns, cells, strict=True):
                    if self.get_cell(key, column.name) != cell:
                        self.update_cell(key, column.name, cell)
            self._arrange(current)

    def _arrange(self, current: str | None) -> None:
        name, largest_first = self.order
        if self._columns:
            ranked = sorted(
                self.rows, key=lambda row: self.get_cell(row, name).rank, reverse=largest_first
            )
            if ranked != [row.key for row in self.ordered_rows]:  # to sort is to draw all anew
                self.sort(name, key=lambda cell: cell.rank, reverse=largest_first)
        if current in self._runs:
            self.move_cursor(row=self.get_row_index(current), animate=False)

    def _current(self) -> str | None:
        # At the top it stays at the top: there the newest come in.
        if not self.row_count or self.cursor_row == 0:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def _label(self, column: _Column) -> Text:
        is_order = column.name == self.order[0]
        arrow = ("▼" if self.order[1] else "▲") if is_order else ""
        style = Style(bold=True, color=self._colour("primary")) if is_order else Style()
        named = f"{column.name}{arrow}"
        words = named if len(named) <= column.cells else column.name
        return Text(words, style, justify="left" if column in (_WHEN, _STATUS) else "right")

    def _cell(self, column: _Column, run: RunRecord) -> _Cell:
        sign, colour = RUN_SIGNS[run.status]
        if column is _WHEN:
            at = moment(run.started_at, self._now) if self._now else ""
            cell = _Cell(sign, Style())
            cell.stylize(Style(bold=True, color=self._colour(colour)))
            cell.append(f" {at}")
        elif column is _STATUS:
            cell = _Cell(run.status.value, Style(color=self._colour(colour)))
        else:
            shown = column.shown(run) if column.shown else ""
            cell = _Cell(shown, "dim" if shown == "0" else "", justify="right")
        cell.rank = (column.rank(run), run.run_id)
        return cell

    def _colour(self, name: str) -> str | None:
        value = self.app.theme_variables.get(f"text-{name}", "")
        return value.removeprefix("ansi_") or None


def _columns_for(cells: int) -> list[_Column]:
    for columns in _LAYOUTS:
        if sum(column.cells + 2 for column in columns) <= cells:
            return columns
    return _LAYOUTS[-1]

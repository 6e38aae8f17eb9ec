"""History by key and by mouse: sorted, filtered, opened; the last line says what applies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.coordinate import Coordinate
from textual.events import MouseScrollDown
from textual.pilot import Pilot
from textual.widgets import Input

from s3sync_tui.model import RunRecord, RunStats
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.key_bar import KeyBar
from s3sync_tui.tui.widgets.runs_table import RunsTable
from tests.support import made_up, screens
from tests.support.screens import DashboardApp

COLUMNS = ["when", "took", "total", "added", "skipped", "changed", "gone", "status"]


async def started(pilot: Pilot[None]) -> RunsTable:
    await pilot.pause()
    await pilot.pause()
    return pilot.app.screen.query_one(RunsTable)


def order(table: RunsTable) -> list[str]:
    places = [Coordinate(row, 0) for row in range(table.row_count)]
    return [str(table.coordinate_to_cell_key(place).row_key.value) for place in places]


def value(run: RunRecord, column: str) -> Any:
    match column:
        case "when":
            return run.started_at
        case "took":
            return run.stats.duration_seconds
        case "status":
            return run.status.value
    return getattr(run.stats, column)


def keys_shown(pilot: Pilot[None]) -> str:
    return pilot.app.screen.query_one(KeyBar).render().plain


def left_edge(table: RunsTable, name: str) -> int:
    at = 1
    for column in table.ordered_columns:
        if column.key.value == name:
            return at
        at += column.get_render_width(table)
    raise AssertionError(name)


async def test_a_click_on_a_head_sorts_and_another_turns_around() -> None:
    async with DashboardApp(screens.idle).run_test(size=(250, 70)) as pilot:
        table = await started(pilot)
        runs = {str(run.run_id): run for run in made_up.runs()}
        for name in COLUMNS:
            is_down = name != "when"  # by when it is sorted already
            for largest_first in (is_down, not is_down):
                await pilot.click(RunsTable, offset=(left_edge(table, name), 0))
                await pilot.pause()
                assert table.order == (name, largest_first)
                values = [value(runs[key], name) for key in order(table)]
                assert values == sorted(values, reverse=largest_first)


async def test_runs_with_the_same_figure_are_ordered_by_their_number() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        table = await started(pilot)
        panel = pilot.app.screen.query_one(HistoryPanel)
        same = [replace(made_up.run(n), stats=RunStats(total=7)) for n in (3, 1)]
        panel.show(same, made_up.NOW)
        table.order = ("total", True)
        panel.show([replace(made_up.run(4), stats=RunStats(total=7)), *same], made_up.NOW)
        await pilot.pause()
        assert order(table) == ["4", "3", "1"]


async def test_a_click_chooses_a_run_and_another_opens_it() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        await started(pilot)
        app = pilot.app
        assert isinstance(app, DashboardApp)
        await pilot.click(RunsTable, offset=(4, 3))
        await pilot.pause()
        assert app.heard == []
        await pilot.click(RunsTable, offset=(4, 3))
        await pilot.pause()
        opened = app.heard[-1]
        assert isinstance(opened, HistoryPanel.Opened)
        assert opened.run_id == 1202


async def test_while_a_filter_is_typed_the_last_line_shows_no_letters() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        table = await started(pilot)
        assert "s Sync S3" in keys_shown(pilot)
        assert "All runs" not in keys_shown(pilot)
        place = keys_shown(pilot).index("/ Filter")
        await pilot.click(KeyBar, offset=(place + 2, 0))
        await pilot.pause()
        shown = keys_shown(pilot)
        assert "Sync S3" not in shown
        assert "? Help" not in shown
        assert "/ Filter" not in shown
        assert "esc All runs" in shown
        assert "^p Commands" in shown
        await pilot.press(*"failed", "down")
        await pilot.pause()
        assert table.has_focus
        assert order(table) == ["1199"]
        assert "s Sync S3" in keys_shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert table.row_count == 40
        assert "All runs" not in keys_shown(pilot)


async def test_the_filter_goes_by_a_click_on_its_key() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        table = await started(pilot)
        await pilot.press("slash", *"cancelled")
        await pilot.pause()
        assert table.row_count == 1
        place = keys_shown(pilot).index("esc All runs")
        await pilot.click(KeyBar, offset=(place + 2, 0))
        await pilot.pause()
        assert table.row_count == 40
        assert pilot.app.screen.query_one("#filter", Input).value == ""


async def test_the_wheel_scrolls() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        table = await started(pilot)
        x, y = table.region.offset
        table.post_message(MouseScrollDown(table, 4, 4, 0, 1, 0, False, False, False, x + 4, y + 4))
        await pilot.pause(0.1)
        assert table.scroll_offset.y > 0

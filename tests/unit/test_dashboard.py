"""The dashboard keeps what people rely on while its data changes below them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from s3sync_tui.insight.growth import Period
from s3sync_tui.model import RunStatus
from s3sync_tui.tui.outlook import outlook
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.themes import LIGHT
from s3sync_tui.tui.widgets.checks import Checks
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.key_bar import KeyBar
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.state_header import StateHeader
from tests.support import made_up, screens
from tests.support.screens import DashboardApp


async def started(pilot: Pilot[None]) -> Dashboard:
    await pilot.pause()
    await pilot.pause()
    assert isinstance(pilot.app.screen, Dashboard)
    return pilot.app.screen


def current_run(table: RunsTable) -> str | None:
    return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value


async def test_progress_never_lays_out_and_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    async with DashboardApp(screens.syncing).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        layouts = 0
        original = Screen._refresh_layout

        def counted(self: Screen[object], *args: object, **options: object) -> None:
            nonlocal layouts
            layouts += 1
            original(self, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        seen = -1
        while layouts != seen:  # on a busy machine the first ones are still to come
            seen = layouts
            await pilot.pause(0.2)
        layouts = 0
        spent = 0.0
        for step in range(30):
            began = time.thread_time()
            for event in made_up.progress(30.0 + step / 10):
                screen.read(replace(event, share=event.share + step / 200))
            spent += time.thread_time() - began
            await pilot.pause()
        assert layouts == 0
        assert spent / 30 < 0.005


async def test_the_cursor_stays_on_its_run_when_a_new_one_comes() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        table = screen.query_one(RunsTable)
        await pilot.press("3", "down", "down", "down")
        assert current_run(table) == "1201"
        newer = made_up.run(
            1205, status=RunStatus.RUNNING, started_at=made_up.NOW - timedelta(seconds=3)
        )
        screen.show_history([newer, *made_up.runs()])
        await pilot.pause()
        assert current_run(table) == "1201"
        assert table.get_row_index("1205") == 0


async def test_at_the_top_the_cursor_stays_at_the_newest() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        await pilot.press("3")
        screen.show_history([made_up.run(1205, started_at=made_up.NOW), *made_up.runs()])
        await pilot.pause()
        assert current_run(screen.query_one(RunsTable)) == "1205"


async def test_runs_are_sorted_by_key_and_by_header() -> None:
    async with DashboardApp(screens.idle).run_test(size=(250, 70)) as pilot:
        screen = await started(pilot)
        table = screen.query_one(RunsTable)
        await pilot.press("3", "o", "o", "o")
        assert table.order == ("added", True)
        assert table.get_row_index("1186") == 0
        await pilot.press("O")
        assert table.get_row_index("1186") == table.row_count - 1
        await pilot.click(RunsTable, offset=(20, 0))
        assert table.order == ("took", True)
        assert table.get_row_index("1186") == 0


async def test_the_filter_narrows_and_escape_takes_it_away() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        table = screen.query_one(RunsTable)
        await pilot.press("slash", *"failed")
        await pilot.pause()
        assert [row.value for row in table.rows] == ["1199"]
        await pilot.press("enter", "enter")
        app = pilot.app
        assert isinstance(app, DashboardApp)
        assert isinstance(app.heard[-1], HistoryPanel.Opened)
        assert app.heard[-1].run_id == 1199
        await pilot.press("escape")
        await pilot.pause()
        assert table.row_count == 40
        assert screen.query_one("#filter", Input).value == ""


async def test_fix_is_asked_for_the_chosen_check_only_where_there_is_one() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        app = pilot.app
        assert isinstance(app, DashboardApp)
        await pilot.press("2", "down", "f")
        asked = app.heard[-1]
        assert isinstance(asked, Dashboard.FixAsked)
        assert asked.check is not None
        assert asked.check.name == "vacuum"
        await pilot.press("down", "f")
        assert app.heard == [asked]
        screen.show_state(made_up.state(Standing.SCHEMA_MISSING))
        await pilot.press("f")
        last = app.heard[-1]
        assert isinstance(last, Dashboard.FixAsked)
        assert last.check is None


async def test_the_cursor_stays_on_its_check() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        await pilot.press("2", "down", "down")
        health = made_up.health()
        screen.show_health(replace(health, checks=health.checks[1:]))
        await pilot.pause()
        chosen = screen.query_one(Checks).chosen
        assert chosen is not None
        assert chosen.name == "quota"


@pytest.mark.parametrize("width", [30, 56, 80, 120])
async def test_help_stays_visible(width: int) -> None:
    async with DashboardApp(screens.idle).run_test(size=(width, 24)) as pilot:
        screen = await started(pilot)
        shown = screen.query_one(KeyBar).render().plain
        assert "? Help" in shown
        assert len(shown) <= width


async def test_keys_can_be_clicked() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        place = screen.query_one(KeyBar).render().plain.index("l Log")
        await pilot.click(KeyBar, offset=(place + 2, 0))
        await pilot.pause()
        assert screen.query_one("LogDrawer").has_class("-open")


async def test_tabs_of_growth_by_key_and_by_mouse() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        panel = (await started(pilot)).query_one(GrowthPanel)
        await pilot.press("4", "right")
        assert panel.period == "week"
        await pilot.press("left", "left", "left", "left")
        assert panel.period == "hour"
        title = str(panel.border_title)
        assert "hour" in title
        # The corner, a blank, "⁴Growth", two blanks, " hour ", " day ", " week ".
        await pilot.click(GrowthPanel, offset=(3 + 9 + 6 + 5 + 2, 0))
        assert panel.period == "week"


async def test_numbers_jump_to_panels() -> None:
    async with DashboardApp(screens.idle).run_test(size=(80, 24)) as pilot:
        screen = await started(pilot)
        names = ["SyncPanel", "Checks", "RunsTable", "GrowthPanel", "Tiles", "RichLog"]
        for number, name in enumerate(names, 1):
            await pilot.press(str(number))
            assert type(screen.focused).__name__ == name


async def test_a_click_on_a_tile_opens_what_it_is_about() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        await pilot.click("#database")
        await pilot.pause()
        assert isinstance(screen.focused, Checks)


async def test_enter_on_a_tile_opens_what_it_is_about() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        await pilot.press("5", "left", "enter")
        assert type(screen.focused).__name__ == "RunsTable"


@pytest.mark.parametrize("width", [16, 24, 40, 80, 160])
async def test_the_header_is_one_line_that_fits(width: int) -> None:
    async with DashboardApp(screens.behind).run_test(size=(width, 24)) as pilot:
        screen = await started(pilot)
        for standing in Standing:
            screen.show_state(made_up.state(standing))
            line = screen.query_one(StateHeader).render()
            assert line.cell_length == width - 2
            assert not set(line.plain) & set("\x1b\u202e")


async def test_resizing_while_syncing_loses_nothing() -> None:
    async with DashboardApp(screens.syncing).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        for size in [(80, 24), (250, 70), (40, 12), (100, 30), (160, 50)]:
            await pilot.resize_terminal(*size)
            for event in made_up.progress():
                screen.read(event)
            await pilot.pause()
        assert screen.query_one(RunsTable).row_count == 40


async def test_another_theme_reaches_every_cell() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        table = screen.query_one(RunsTable)
        await pilot.press("3", "down", "down")
        before = table.get_cell("1199", "when").spans[0].style
        pilot.app.theme = LIGHT.name
        await pilot.pause()
        assert table.get_cell("1199", "when").spans[0].style != before
        assert current_run(table) == "1202"


async def test_images_without_known_arrivals_are_no_obstacle() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        screen = await started(pilot)
        screen.show_growth(replace(made_up.no_growth(), images=12))
        for period in Period:
            screen.query_one(GrowthPanel).period = period
            await pilot.pause()


def test_the_outlook_of_one_period_follows_from_two_projections() -> None:
    growth = made_up.growth()
    week = outlook(growth, Period.WEEK)
    near = growth.projections[0]
    assert week is not None
    assert week.high - week.mean == pytest.approx(near.high - near.images)
    day = outlook(growth, Period.DAY)
    assert day is not None
    assert 0 < day.high - day.mean < week.high - week.mean
    assert outlook(growth, Period.HOUR) is None
    assert outlook(made_up.no_growth(), Period.DAY) is None

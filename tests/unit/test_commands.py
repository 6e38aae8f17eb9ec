"""The command palette offers all that applies now, and nothing else."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from s3sync_tui.insight.growth import Period
from s3sync_tui.tui.commands import DashboardCommands
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.export import ExportScreen
from s3sync_tui.tui.screens.help import HelpScreen
from s3sync_tui.tui.widgets.choices import Choices
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.runs_table import RunsTable
from tests.support import screens
from tests.support.screens import DashboardApp, Fill

ALWAYS = {
    "Sync S3", "Watch on/off", "Export", "Help", "Quit", "Filter runs", "Log",
    "Go to Sync", "Go to Health", "Go to History", "Go to Growth", "Go to Tiles", "Go to Log",
}  # fmt: skip
RUNS = {"Run details", "Order runs", "Order runs the other way", "Export runs"}
GROWTH = {"Growth by hour", "Growth by week", "Growth by month", "Export growth"}
TEXTUAL = {"Theme", "Screenshot", "Maximize"}


async def started(pilot: Pilot[None], *keys: str) -> None:
    await pilot.pause()
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()


async def offered(pilot: Pilot[None]) -> list[str]:
    provider = DashboardCommands(pilot.app.screen)
    return [str(hit.text) async for hit in provider.discover()]


async def choose(pilot: Pilot[None], words: str) -> None:
    await pilot.press("ctrl+p", *("space" if letter == " " else letter for letter in words))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize(
    ("fill", "more"),
    [
        (screens.idle, {*RUNS, *GROWTH, "Fix", "Export health"}),
        (screens.never_run, {"Export health"}),
        (screens.empty, set[str]()),
    ],
)
async def test_it_offers_what_applies_and_nothing_twice(fill: Fill, more: set[str]) -> None:
    async with DashboardApp(fill).run_test(size=(120, 36)) as pilot:
        await started(pilot)
        names = await offered(pilot)
        assert len(names) == len(set(names))
        assert set(names) == ALWAYS | TEXTUAL | more


async def test_the_filter_line_takes_no_command_away() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await started(pilot)
        before = await offered(pilot)
        await started(pilot, "slash")
        assert set(before) - {"Maximize"} == set(await offered(pilot)) - {"Maximize"}


async def test_a_cancelled_command_is_one_that_applies() -> None:
    class Syncing(DashboardApp):
        def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
            return None if action == "sync" else True

    async with Syncing(screens.syncing).run_test(size=(120, 36)) as pilot:
        await started(pilot)
        names = await offered(pilot)
        assert "Cancel the run" in names
        assert "Sync S3" not in names


async def test_on_top_of_the_dashboard_its_commands_are_not_offered() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await started(pilot, "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert not set(await offered(pilot)) & (ALWAYS | RUNS | GROWTH)


async def test_every_command_of_ours_has_a_line_of_help() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await started(pilot)
        provider = DashboardCommands(pilot.app.screen)
        assert all([hit.help async for hit in provider.discover()])
        found = [hit async for hit in provider.search("export hea")]
        assert [hit.text for hit in found] == ["Export health"]


async def test_a_command_does_what_its_key_does() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await started(pilot, "2")
        screen = pilot.app.screen
        await choose(pilot, "growth by month")
        assert screen.query_one(GrowthPanel).period is Period.MONTH
        await choose(pilot, "go to tiles")
        assert type(screen.focused).__name__ == "Tiles"
        await choose(pilot, "order runs the")
        assert screen.query_one(RunsTable).order == ("when", False)
        await choose(pilot, "run details")
        app = pilot.app
        assert isinstance(app, DashboardApp)
        assert isinstance(app.heard[-1], HistoryPanel.Opened)


async def test_what_is_exported_by_command_is_what_was_said() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await started(pilot, "3")
        await choose(pilot, "export health")
        assert isinstance(pilot.app.screen, ExportScreen)
        assert pilot.app.screen.query_one("#what", Choices).chosen == "health"
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)

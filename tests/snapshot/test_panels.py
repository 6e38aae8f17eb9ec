"""Each panel alone, in each of its states, is as it was when someone last looked at it.

After a change that is meant: ``pytest tests/snapshot --snapshot-update``, and look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from textual.widget import Widget
from textual.widgets import Input

from s3sync_tui.insight.growth import Period
from s3sync_tui.tui.state import UNDER_WAY, Standing
from s3sync_tui.tui.themes import LIGHT
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.health_panel import HealthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.log_drawer import LogDrawer
from s3sync_tui.tui.widgets.state_header import StateHeader
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from s3sync_tui.tui.widgets.tiles import Tiles
from tests.support import made_up
from tests.support.screens import PanelApp

Compare = Callable[..., bool]
OURS = [standing for standing in Standing if standing not in UNDER_WAY]


def of(panel: Widget, kind: type[Widget]) -> None:
    assert isinstance(panel, kind)


@pytest.mark.parametrize("standing", Standing)
def test_header(snap_compare: Compare, standing: Standing) -> None:
    def fill(header: Widget) -> None:
        assert isinstance(header, StateHeader)
        header.bucket, header.catalog = made_up.BUCKET, made_up.CATALOG
        header.now, header.share = made_up.NOW, 0.64
        header.state = made_up.state(standing)

    assert snap_compare(PanelApp(StateHeader, fill), terminal_size=(80, 1))


@pytest.mark.parametrize("standing", OURS)
@pytest.mark.parametrize("size", [(60, 16), (78, 7)], ids=["roomy", "compact"])
def test_sync_panel(snap_compare: Compare, standing: Standing, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, SyncPanel)
        panel.show_history(made_up.runs() if standing in {Standing.IN_SYNC} else [])
        panel.show_state(made_up.state(standing), made_up.NOW)

    assert snap_compare(PanelApp(SyncPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 16), (58, 12), (78, 7)], ids=["large", "medium", "compact"])
@pytest.mark.parametrize("kind", ["begun", "known", "first", "cancelling"])
def test_sync_panel_while_syncing(snap_compare: Compare, kind: str, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, SyncPanel)
        panel.show_state(made_up.state(Standing.SYNCING), made_up.NOW)
        for step in range(60 if kind != "begun" else 0):
            for event in made_up.progress_at(step):
                panel.read(event)
        newest = {"first": made_up.first_progress, "begun": list}.get(kind, made_up.progress)
        for event in newest():
            panel.read(event)
        if kind == "cancelling":
            panel.show_state(made_up.state(Standing.CANCELLING), made_up.NOW)

    assert snap_compare(PanelApp(SyncPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 16), (58, 12), (78, 7)], ids=["large", "medium", "compact"])
def test_sync_panel_while_another_host_syncs(snap_compare: Compare, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, SyncPanel)
        panel.show_state(made_up.followed(), made_up.NOW)
        panel.tick(made_up.NOW + timedelta(seconds=1))

    assert snap_compare(PanelApp(SyncPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(160, 5), (120, 5)])
@pytest.mark.parametrize("kind", ["known", "empty", "loading", "no_quota"])
def test_tiles(snap_compare: Compare, kind: str, size: tuple[int, int]) -> None:
    def fill(tiles: Widget) -> None:
        assert isinstance(tiles, Tiles)
        if kind == "empty":
            tiles.show_growth(made_up.no_growth())
            tiles.show_cost(made_up.no_cost(), [])
            tiles.show_lag([], None, made_up.NOW)
        elif kind != "loading":
            quota = None if kind == "no_quota" else 25_000_000_000
            growth = made_up.growth(quota=quota)
            tiles.show_growth(growth)
            tiles.show_cost(made_up.cost(), made_up.runs())
            tiles.show_lag(made_up.runs(), growth.newest_at, made_up.NOW)

    assert snap_compare(PanelApp(Tiles, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(78, 17), (58, 12), (48, 7)])
@pytest.mark.parametrize("kind", ["troubled", "well", "unknown"])
def test_health_panel(snap_compare: Compare, kind: str, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, HealthPanel)
        if kind == "unknown":
            panel.say("The catalog can't be reached.")
        else:
            panel.show(made_up.health() if kind == "troubled" else made_up.all_well())

    press = ["tab", "down"] if kind == "troubled" else []
    assert snap_compare(PanelApp(HealthPanel, fill), press=press, terminal_size=size)


@pytest.mark.parametrize("size", [(124, 14), (80, 14), (60, 14), (40, 10)])
@pytest.mark.parametrize("kind", ["runs", "empty"])
def test_history_panel(snap_compare: Compare, kind: str, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, HistoryPanel)
        panel.show(made_up.runs() if kind == "runs" else [], made_up.NOW)

    press = ["tab", "down", "down"] if kind == "runs" else []
    assert snap_compare(PanelApp(HistoryPanel, fill), press=press, terminal_size=size)


@pytest.mark.parametrize("words", ["failed", "no such run"])
def test_history_panel_filtered(snap_compare: Compare, words: str) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, HistoryPanel)
        panel.query_one(Input).cursor_blink = False
        panel.show(made_up.runs(), made_up.NOW)
        panel.action_filter()
        panel.query_one(Input).value = words

    assert snap_compare(PanelApp(HistoryPanel, fill), terminal_size=(80, 12))


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize("size", [(78, 26), (58, 17)])
def test_growth_panel(snap_compare: Compare, period: Period, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, GrowthPanel)
        panel.show(made_up.growth())
        panel.period = period

    assert snap_compare(PanelApp(GrowthPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(58, 9), (42, 9)])
def test_growth_panel_without_room_for_a_chart(
    snap_compare: Compare, size: tuple[int, int]
) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, GrowthPanel)
        panel.show(made_up.growth())

    assert snap_compare(PanelApp(GrowthPanel, fill), terminal_size=size)


def test_growth_panel_of_an_empty_catalog(snap_compare: Compare) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, GrowthPanel)
        panel.show(made_up.no_growth())

    assert snap_compare(PanelApp(GrowthPanel, fill), terminal_size=(58, 12))


def test_log_drawer_shows_hostile_lines_as_text(snap_compare: Compare) -> None:
    def fill(drawer: Widget) -> None:
        assert isinstance(drawer, LogDrawer)
        for record in made_up.log_records():
            drawer.write(record)
        drawer.toggle()

    app = PanelApp(LogDrawer, fill, theme=LIGHT.name)
    assert snap_compare(app, terminal_size=(90, 13))

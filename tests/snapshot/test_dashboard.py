"""The whole dashboard, in its states and sizes, is as it was when someone last looked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s3sync_tui.tui.themes import DARK, LIGHT
from tests.support import screens
from tests.support.screens import DashboardApp, Fill

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 50)]
STATES = [
    screens.idle,
    screens.watching,
    screens.first_sync,
    screens.syncing,
    screens.cancelling,
    screens.cancelled,
    screens.failed,
    screens.behind,
    screens.bucket_unreachable,
    screens.schema_missing,
    screens.never_run,
    screens.empty,
    screens.unreachable,
    screens.other_host,
]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("fill", STATES, ids=lambda fill: fill.__name__)
def test_dashboard(snap_compare: Compare, fill: Fill, size: tuple[int, int]) -> None:
    assert snap_compare(DashboardApp(fill, theme=DARK.name), terminal_size=size)


@pytest.mark.parametrize("theme", [LIGHT.name, "textual-light", "ansi-dark", "nord"])
def test_dashboard_in_other_themes(snap_compare: Compare, theme: str) -> None:
    app = DashboardApp(screens.idle, theme=theme)
    assert snap_compare(app, press=["2"], terminal_size=(120, 36))


def test_dashboard_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = DashboardApp(screens.idle)
    assert snap_compare(app, press=["3", "down"], terminal_size=(120, 36))


@pytest.mark.parametrize("size", [(56, 24), (250, 70)])
def test_wide_and_hostile_names_break_nothing(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(DashboardApp(screens.behind), terminal_size=size)


def test_the_rest_is_below_on_a_narrow_screen(snap_compare: Compare) -> None:
    assert snap_compare(DashboardApp(screens.idle), press=["4"], terminal_size=(80, 24))

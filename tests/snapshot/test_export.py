"""The question of what to export is as it was when someone last looked at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from s3sync_tui.tui.screens.export import ExportScreen
from s3sync_tui.tui.themes import DARK, LIGHT
from tests.support import made_up
from tests.support.screens import ModalApp

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 50)]


def exporting(
    panel: str, theme: str = DARK.name, *, directory: str = "/srv/reports", is_known: bool = True
) -> ModalApp:
    return ModalApp(
        lambda: ExportScreen(
            runs=made_up.runs() if is_known else [],
            growth=made_up.growth() if is_known else None,
            health=made_up.health(),
            chosen=panel,
            directory=Path(directory),
            now=made_up.now,
        ),
        theme=theme,
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_export(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(exporting("History"), terminal_size=size)


@pytest.mark.parametrize("theme", [LIGHT.name, "ansi-dark"])
def test_export_in_other_themes(snap_compare: Compare, theme: str) -> None:
    app = exporting("Health", theme)
    assert snap_compare(app, press=["tab", "down"], terminal_size=(120, 36))


def test_export_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(exporting("Growth"), press=["tab"], terminal_size=(80, 24))


def test_what_is_not_known_yet_is_grey(snap_compare: Compare) -> None:
    assert snap_compare(exporting("History", is_known=False), terminal_size=(60, 24))


def test_what_went_wrong_is_told_below_the_name(snap_compare: Compare) -> None:
    async def type_a_name(pilot: Pilot[None]) -> None:
        await pilot.pause()
        field = pilot.app.screen.query_one(Input)
        field.value = "no-such-directory/[runs].csv"
        await pilot.pause()
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = exporting("History", directory="/")
    assert snap_compare(app, run_before=type_a_name, terminal_size=(80, 24))

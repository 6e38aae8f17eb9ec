"""Help is as it was when someone last looked at it: each section, in sizes and themes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s3sync_tui.tui.screens.help import HelpScreen
from s3sync_tui.tui.themes import DARK, LIGHT
from tests.support.screens import ModalApp

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 50)]


def helped(section: str, theme: str = DARK.name) -> ModalApp:
    return ModalApp(lambda: HelpScreen(section), theme=theme)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("section", ["Sync", "Keys"])
def test_help(snap_compare: Compare, section: str, size: tuple[int, int]) -> None:
    assert snap_compare(helped(section), terminal_size=size)


@pytest.mark.parametrize("section", ["Health", "History", "Growth", "Tiles", "Log"])
def test_each_section(snap_compare: Compare, section: str) -> None:
    assert snap_compare(helped(section), terminal_size=(120, 50))


@pytest.mark.parametrize("theme", [LIGHT.name, "ansi-dark"])
def test_help_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert snap_compare(helped("Health", theme), terminal_size=(120, 36))


def test_help_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(helped("Health"), terminal_size=(80, 24))


def test_help_on_a_tiny_screen(snap_compare: Compare) -> None:
    assert snap_compare(helped("Growth"), terminal_size=(44, 16))

"""All about one run, of each kind, is as it was when someone last looked at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App

from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.themes import DARK, LIGHT, use_themes
from tests.support import made_up

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 50)]
KINDS = ["succeeded", "failed", "cancelled", "running", "without_phases"]


class DetailsApp(App[None]):
    """The details of one run of many."""

    def __init__(self, kind: str, *, theme: str = DARK.name) -> None:
        super().__init__()
        use_themes(self, theme)
        self.animation_level = "none"
        self._kind = kind

    def on_mount(self) -> None:
        """Show it."""
        run = made_up.detailed_runs()[self._kind]
        others = [other for other in made_up.runs() if other.run_id != run.run_id]
        runs = sorted([run, *others], key=lambda each: -each.run_id)
        self.push_screen(RunDetails(runs, run.run_id, now=made_up.now))


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES, ids=size_name)
@pytest.mark.parametrize("kind", KINDS)
def test_run_details(snap_compare: Compare, kind: str, size: tuple[int, int]) -> None:
    assert snap_compare(DetailsApp(kind), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=size_name)
def test_hostile_keys_and_garbage_are_text(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(DetailsApp("hostile"), terminal_size=size)


def test_a_short_run_has_an_axis_of_its_own(snap_compare: Compare) -> None:
    assert snap_compare(DetailsApp("short"), terminal_size=(100, 30))


def test_the_rest_is_scrolled_to(snap_compare: Compare) -> None:
    app = DetailsApp("succeeded")
    assert snap_compare(app, press=["pagedown", "down"], terminal_size=(80, 24))


@pytest.mark.parametrize("theme", [LIGHT.name, "ansi-dark"])
def test_run_details_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert snap_compare(DetailsApp("failed", theme=theme), terminal_size=(120, 36))


def test_run_details_as_json(snap_compare: Compare) -> None:
    assert snap_compare(DetailsApp("succeeded"), press=["j"], terminal_size=(120, 36))

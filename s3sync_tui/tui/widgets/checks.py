"""The checks as a list, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.safe_text import safe
from s3sync_tui.tui.figures import fit, left

SIGNS = {
    CheckStatus.OK: "✓",
    CheckStatus.WARN: "!",
    CheckStatus.FAIL: "✗",
    CheckStatus.UNKNOWN: "?",
}
_FIX = "f fix"


class Checks(ScrollView, can_focus=True):
    """The worst first; one of them is under the cursor."""

    DEFAULT_CSS = """
    Checks { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; background: transparent; }
    Checks > .checks--ok { color: $text-success; }
    Checks > .checks--warn { color: $text-warning; text-style: bold; }
    Checks > .checks--fail { color: $text-error; text-style: bold; }
    Checks > .checks--unknown { color: $text-secondary; text-style: bold; }
    Checks > .checks--measured { color: $foreground-muted; }
    Checks > .checks--key { color: $text-accent; text-style: bold; }
    Checks > .checks--cursor { background: $block-cursor-blurred-background; }
    Checks:focus > .checks--cursor { background: $block-cursor-background; text-style: bold; }
    Checks:ansi > .checks--cursor { background: ansi_default; text-style: bold; }
    Checks:ansi:focus > .checks--cursor { text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "checks--ok",
        "checks--warn",
        "checks--fail",
        "checks--unknown",
        "checks--measured",
        "checks--key",
        "checks--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-8)", "Page up", show=False),
        Binding("pagedown", "move(8)", "Page down", show=False),
        Binding("home", "move(-1000)", "First", show=False),
        Binding("end", "move(1000)", "Last", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Chosen(Message):
        """Another check is under the cursor."""

        def __init__(self, check: Check | None) -> None:
            super().__init__()
            self.check = check

    def __init__(self) -> None:
        super().__init__()
        self._checks: list[Check] = []
        self._title_cells = 0

    @property
    def chosen(self) -> Check | None:
        """The check under the cursor."""
        return self._checks[self.cursor] if self.cursor < len(self._checks) else None

    def show(self, checks: Sequence[Check]) -> None:
        """Show these; the cursor stays on its check, or goes to the worst."""
        name = self.chosen.name if self.chosen and self.has_focus else None
        self._checks = list(checks)
        self._title_cells = max((cell_len(safe(check.title)) for check in checks), default=0) + 2
        names = [check.name for check in checks]
        self.virtual_size = Size(self.size.width, len(checks))
        self.cursor = names.index(name) if name in names else 0
        self.refresh()
        self.post_message(self.Chosen(self.chosen))

    def on_resize(self) -> None:
        """Lines are cut to the width."""
        self.virtual_size = Size(self.size.width, len(self._checks))

    def validate_cursor(self, cursor: int) -> int:
        """Keep it on the list."""
        return max(0, min(cursor, len(self._checks) - 1))

    def watch_cursor(self, cursor: int) -> None:
        """Show it, and tell."""
        self.scroll_to_region(Region(0, cursor, 1, 1), animate=False)
        self.post_message(self.Chosen(self.chosen))

    def action_move(self, step: int) -> None:
        """Move by ``step`` lines."""
        self.cursor += step

    def on_click(self, event: Click) -> None:
        """Choose the line that was hit."""
        line = event.y + self.scroll_offset.y
        if line < len(self._checks):
            self.cursor = line

    def render_line(self, y: int) -> Strip:
        """Sign, title, what was measured, and the key that mends it."""
        place = y + self.scroll_offset.y
        cells = self.scrollable_content_region.width
        if place >= len(self._checks):
            return Strip.blank(cells, self.rich_style)
        check = self._checks[place]
        is_chosen = place == self.cursor
        base = self.rich_style
        if is_chosen:
            base += self.get_component_rich_style("checks--cursor")
        is_plain = bool(base.reverse)  # colours turned around are no longer those that we chose
        segments = [
            Segment(text, base + self._ink(part) if part and not is_plain else base)
            for text, part in self._parts(check, cells)
        ]
        return Strip(segments, cells)

    def _ink(self, part: str) -> Style:
        style = self.get_component_rich_style(f"checks--{part}")
        return Style(color=style.color, bold=style.bold or None, dim=style.dim or None)

    def _parts(self, check: Check, cells: int) -> list[tuple[str, str]]:
        key_cells = len(_FIX) + 3 if any(each.sql for each in self._checks) else 1
        room = cells - 2 - key_cells
        title_cells = min(self._title_cells, max(18, room * 11 // 20))
        measured_cells = room - title_cells - 1
        title, measured = safe(check.title), safe(check.measured)
        return [
            (f"{SIGNS[check.status]} ", check.status.value),
            (left(title, title_cells) + " ", ""),
            (left(fit(measured, measured_cells), measured_cells), "measured"),
            (left(f"  {_FIX}" if check.sql else "", key_cells), "key"),
        ]

"""What all panels have in common: a border with a number, a title and key hints."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from s3sync_tui.tui.keys import hints

_NUMBERS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


class Panel(Widget):
    """A framed part of the dashboard; its number is the key that jumps to it."""

    DEFAULT_CSS = """
    Panel {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        layout: vertical;

        &:focus, &:focus-within {
            border: round $border;
            border-title-color: $primary;
        }
        &:nocolor:focus, &:nocolor:focus-within, &:ansi:focus, &:ansi:focus-within {
            border: heavy $border;
        }
    }
    """

    def set_title(self, number: int, title: str, *more: Content) -> None:
        """Show ``title`` with its number, and ``more`` after it."""
        parts = [Content.assemble((_NUMBERS[number], "$text-accent"), title), *more]
        self.border_title = Content("  ").join(parts)

    def set_keys(self, *keys: tuple[str, str]) -> None:
        """Show these keys and what they do at the lower edge."""
        self.border_subtitle = hints(*keys)

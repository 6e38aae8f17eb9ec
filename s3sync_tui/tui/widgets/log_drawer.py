"""The log drawer: the newest lines of the log."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from s3sync_tui.safe_text import safe_lines
from s3sync_tui.secrecy import without_secrets
from s3sync_tui.tui.panel_help import PanelHelp, Term
from s3sync_tui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from textual.widgets import RichLog

_KEPT_LINES = 2000
_LEVELS = ((logging.ERROR, "✗", "error"), (logging.WARNING, "!", "warning"), (0, " ", ""))


class LogDrawer(Panel):
    """Shut until asked for; keeps its lines meanwhile."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "Log",
        "What the program and its libraries have to say, the newest below. The last 2,000 "
        "lines are kept, also while the drawer is shut. Times are this machine's.",
        (
            (
                "signs",
                (
                    Term("!", "A warning: it went on, but not as it should.", "warning"),
                    Term("✗", "An error: something was given up.", "error"),
                    Term("\\x1b", "Characters that terminals would obey are shown as codes."),
                ),
            ),
        ),
        (
            Term("l", "Shut the drawer, or open it."),
            Term("↑ ↓  pgup pgdn", "Scroll."),
        ),
    )

    DEFAULT_CSS = """
    LogDrawer {
        dock: bottom; height: 12; display: none; background: $surface; margin-bottom: 1;
        &.-open { display: block; }
        RichLog { height: 1fr; background: transparent; scrollbar-size-vertical: 1; }
        RichLog:focus { background-tint: transparent; }
    }
    """

    def __init__(self, *, time_zone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._time_zone = time_zone
        self._lines: RichLog | None = None
        self._unwritten: deque[Text] = deque(maxlen=_KEPT_LINES)

    def on_mount(self) -> None:
        """Name it; the lines are laid out when it is first opened."""
        self.set_title(6, "Log")
        self.set_keys(("l", "shut"))

    def toggle(self) -> bool:
        """Open it, or shut it; returns whether it is open now."""
        is_open = not self.has_class("-open")
        self.set_class(is_open, "-open")
        if is_open:
            if self._lines is None:
                from textual.widgets import RichLog  # loads much that the dashboard needs not

                self._lines = RichLog(max_lines=_KEPT_LINES, wrap=True, min_width=0)
                self.mount(self._lines)
            while self._unwritten:
                self._lines.write(self._unwritten.popleft())
            self._lines.focus()
        return is_open

    def write(self, record: logging.LogRecord) -> None:
        """Add a record; in the app's thread."""
        at = datetime.fromtimestamp(record.created, self._time_zone)
        _, sign, colour = next(level for level in _LEVELS if record.levelno >= level[0])
        style = self.app.theme_variables.get(colour, "") if colour else ""
        # Set in, no line of a record passes for another record.
        words = safe_lines(without_secrets(record.getMessage())).replace("\n", "\n    ")
        line = Text.assemble(
            (f"{at:%H:%M:%S} ", "dim"),
            (f"{sign} ", f"bold {style}".strip()),
            words,
        )
        if self._lines is not None and self.has_class("-open"):
            self._lines.write(line)
        else:
            self._unwritten.append(line)

"""What can be done at the set-up's end, what is missing for it, and where it is kept."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Static

from s3sync_tui.safe_text import safe
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.set_up_status import PartState, SetUpStatus, Sign


class SetUpActions(Widget):
    """Start, the demo, or out."""

    DEFAULT_CSS = """
    SetUpActions {
        height: auto; width: 1fr; padding: 0 2;
        Horizontal { height: 1; }
        Button { margin-right: 1; min-width: 9; }
        #missing {
            width: 1fr; padding-left: 1; text-align: right;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        SetUpStatus { display: none; }
        SetUpStatus.-shown { display: block; }
        #place { width: 1fr; height: auto; }
    }
    """

    class Pressed(Message):
        """One of them is wanted: ``start``, ``demo``, ``leave``."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def compose(self) -> ComposeResult:
        """The place above, the choice beneath."""
        yield SetUpStatus()
        yield Static(id="place")
        with Horizontal():
            yield Button("Start", id="start", variant="success", compact=True)
            yield Button("Try the demo", id="demo", variant="primary", compact=True)
            yield Button("Quit", id="leave", compact=True)
            yield Static(id="missing")

    def show_place(self, label: str, *, is_new: bool) -> None:
        """Say where the answers go."""
        how = ", a new file" if is_new else "; what else is in it stays"
        self.query_one("#place", Static).update(
            Content.assemble(("Saved to ", MUTED), safe(label), (how, MUTED))
        )

    def show_problem(self, text: str, hint: str) -> None:
        """Say why nothing could be saved; nothing, where ``text`` is empty."""
        status = self.query_one(SetUpStatus)
        status.state = PartState(Sign.WRONG, text, hint)
        status.set_class(bool(text), "-shown")

    def show_missing(self, parts: list[str]) -> None:
        """Say what Start still needs; nothing, and it can be pressed."""
        self.query_one("#start", Button).disabled = bool(parts)
        words = (
            Content.styled(f"Start needs {' and '.join(parts)}", MUTED)
            if parts
            else Content.styled("✓ Ready", "bold $text-success")
        )
        self.query_one("#missing", Static).update(words)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Pressed(str(event.button.id)))

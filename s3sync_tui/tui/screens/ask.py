"""A question before something is done that cannot be taken back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from s3sync_tui.safe_text import safe, safe_lines


class Ask(ModalScreen[str]):
    """Asks; gives the key of the answer, ``n`` for none of them.

    ``answers`` maps keys to what they do: ``{"y": "Stop it"}``. ``details`` can be
    scrolled: the statements that would run.
    """

    DEFAULT_CSS = """
    Ask { align: center middle; }
    Ask > Vertical {
        width: 90%; max-width: 90; height: auto; max-height: 90%; padding: 1 2;
        border: round $accent; border-title-style: bold; background: $surface;
    }
    Ask VerticalScroll { height: auto; max-height: 12; margin-top: 1; background: $panel; }
    Ask VerticalScroll:focus { background-tint: $foreground 5%; }
    Ask VerticalScroll Static { padding: 0 1; }
    Ask #answers { height: auto; margin-top: 1; layout: horizontal; align-horizontal: right; }
    Ask Button {
        margin-left: 2; background: $panel !important; color: $foreground !important;
        text-style: bold !important;
    }
    Ask Button:focus {
        background: $accent !important; color: $background !important;
    }
    Ask Button:focus:ansi, Ask Button:focus:nocolor { text-style: bold reverse !important; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,escape", "answer('n')", "No"),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def __init__(
        self,
        title: str,
        question: str,
        answers: dict[str, str],
        *,
        details: str = "",
        no: str = "No",
    ) -> None:
        super().__init__()
        self._title, self._question, self._details = title, question, details
        self._answers, self._no = answers, no

    def compose(self) -> ComposeResult:
        """Question, details, a button for each answer."""
        with Vertical() as box:
            box.border_title = Content(safe(self._title))
            yield Static(safe_lines(self._question), markup=False)
            if self._details:
                with VerticalScroll():
                    yield Static(safe_lines(self._details), markup=False)
            with Vertical(id="answers"):
                for key, answer in self._answers.items():
                    yield Button(f"{answer} ({key})", id=f"answer-{key}", compact=True)
                yield Button(f"{self._no} (n)", id="answer-n", compact=True)

    def on_mount(self) -> None:
        """The careful answer is the one that enter gives."""
        self.query_one("#answer-n", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """As with the keys."""
        self.dismiss(str(event.button.id).removeprefix("answer-"))

    def on_key(self, event: Key) -> None:
        """Each answer has its key."""
        if event.key in self._answers:
            event.stop()
            self.dismiss(event.key)

    def action_answer(self, key: str) -> None:
        """Close with the answer."""
        self.dismiss(key)

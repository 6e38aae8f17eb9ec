"""A question before something is done that cannot be taken back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Confirm(ModalScreen[bool]):
    """Asks; gives True or False."""

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 90%; max-width: 90; height: auto; max-height: 80%; padding: 1 2;
        border: round $accent; background: $surface;
    }
    Confirm VerticalScroll { height: auto; max-height: 12; margin-top: 1; background: $panel; }
    Confirm VerticalScroll Static { padding: 0 1; }
    Confirm Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    Confirm Button { margin-left: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, title: str, question: str, *, details: str = "", yes: str = "Yes") -> None:
        super().__init__()
        self._title, self._question = title, question
        self._details, self._yes = details, yes

    def compose(self) -> ComposeResult:
        """Question, details, two buttons."""
        with Vertical() as box:
            box.border_title = self._title
            yield Static(self._question, markup=False)
            if self._details:
                with VerticalScroll():
                    yield Static(self._details, markup=False)
            with Horizontal():
                yield Button(f"{self._yes} (y)", id="yes", variant="warning", compact=True)
                yield Button("No (n)", id="no", compact=True)

    def on_mount(self) -> None:
        """The careful answer is the one that enter gives."""
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """As with the keys."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)

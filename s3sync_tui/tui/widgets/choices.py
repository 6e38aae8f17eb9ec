"""A few choices, of which one is made; moving makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from s3sync_tui.tui.figures import fit
from s3sync_tui.tui.tones import FAINT, MUTED

_NAME_CELLS = 9


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them."""

    value: str
    name: str
    note: str
    is_open: bool = True
    """Whether it can be made."""


class Choices(Widget, can_focus=True):
    """One line each: a sign, the name, a word on it."""

    DEFAULT_CSS = """
    Choices { height: auto; padding: 0 1; border-left: outer transparent; }
    Choices:focus { border-left: outer $primary; }
    Choices:focus:nocolor, Choices:focus:ansi { border-left: heavy $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left,k", "move(-1)", "Before", show=False),
        Binding("down,right,j", "move(1)", "Next", show=False),
    ]

    chosen: reactive[str] = reactive("")

    class Changed(Message):
        """Another choice was made."""

    def __init__(self, choices: Sequence[Choice], chosen: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._choices = list(choices)
        open_ones = [each.value for each in self._choices if each.is_open]
        self.set_reactive(
            Choices.chosen, chosen if chosen in open_ones else next(iter(open_ones), "")
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """A line each."""
        return len(self._choices)

    def render(self) -> Content:
        """The chosen one is filled."""
        return Content("\n").join(self._line(each) for each in self._choices)

    def action_move(self, step: int) -> None:
        """Make the next choice that can be made."""
        open_ones = [each.value for each in self._choices if each.is_open]
        if self.chosen in open_ones:
            self.chosen = open_ones[(open_ones.index(self.chosen) + step) % len(open_ones)]

    def on_click(self, event: Click) -> None:
        """Make the choice that was hit."""
        if 0 <= event.y < len(self._choices) and self._choices[event.y].is_open:
            self.chosen = self._choices[event.y].value

    def watch_chosen(self) -> None:
        """Tell."""
        self.post_message(self.Changed())

    def _line(self, choice: Choice) -> Content:
        name = f"{choice.name:<{_NAME_CELLS}}"
        note = fit(choice.note, self.size.width - _NAME_CELLS - 2)
        if not choice.is_open:
            return Content.styled(f"· {name}{note}", FAINT)
        is_chosen = choice.value == self.chosen
        return Content.assemble(
            ("◉ " if is_chosen else "○ ", "bold $text-accent" if is_chosen else MUTED),
            (name, "bold" if is_chosen else ""),
            (note, MUTED),
        )

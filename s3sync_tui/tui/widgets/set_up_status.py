"""How one part of the set-up stands: not asked yet, being tried, well, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from s3sync_tui.safe_text import safe_lines
from s3sync_tui.tui.tones import MUTED


class Sign(Enum):
    """A sign and a colour: either tells."""

    IDLE = ("○", MUTED)
    TRYING = ("…", "$text-secondary")
    WELL = ("✓", "$text-success")
    WRONG = ("✗", "$text-error")
    NO_SCHEMA = ("!", "$text-warning")


@dataclass(frozen=True, slots=True)
class PartState:
    """How it stands, in words, and what to do."""

    sign: Sign = Sign.IDLE
    text: str = ""
    hint: str = ""


class SetUpStatus(Widget):
    """A line beneath a part; errors and hints are never cut."""

    DEFAULT_CSS = """
    SetUpStatus {
        height: auto; width: 1fr;
        layout: grid; grid-size: 2; grid-columns: 2 1fr; grid-rows: auto;
        Static { height: auto; }
        &.-no-hint .hint { display: none; }
    }
    """

    state: reactive[PartState] = reactive(PartState(), init=False)

    def compose(self) -> ComposeResult:
        """Signs at the left, so that long words wrap beside them."""
        yield Static(id="sign")
        yield Static(id="text")
        yield Static(Content.styled("→", "bold $text-accent"), classes="hint")
        yield Static(id="hint", classes="hint")

    def watch_state(self, state: PartState) -> None:
        """Show it."""
        sign, colour = state.sign.value
        is_bold = state.sign not in {Sign.IDLE, Sign.TRYING}
        self.query_one("#sign", Static).update(Content.styled(sign, f"bold {colour}"))
        style = colour if is_bold or state.sign is Sign.TRYING else MUTED
        self.query_one("#text", Static).update(Content.styled(safe_lines(state.text), style))
        self.query_one("#hint", Static).update(Content(safe_lines(state.hint)))
        self.set_class(not state.hint, "-no-hint")


def title(name: str, words: str) -> Content:
    """A part's name, and what it is."""
    return Content.assemble(name, (f"  {words}", f"not bold {MUTED}"))

"""One question of the set-up: its name, a place for the answer, and what is wrong with it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select

from s3sync_tui.safe_text import safe
from s3sync_tui.tui.widgets.set_up_status import PartState, SetUpStatus, Sign

OWN_ORDER = "AWS's own order"


class SetUpField(Widget):
    """Shows an error beneath the answer, and says when the answer changes."""

    DEFAULT_CSS = """
    SetUpField {
        height: auto;
        layout: grid; grid-size: 2; grid-columns: 13 1fr; grid-rows: auto;

        Label { color: $foreground-muted; width: 100%; }
        Input.-textual-compact { background: $panel; padding: 0 1; }
        Input.-textual-compact:focus {
            background: $block-cursor-background; background-tint: transparent;
        }
        Input > .input--placeholder { color: $foreground-muted; text-style: italic; }
        Select.-textual-compact > SelectCurrent { background: $panel; padding: 0 1; }
        Select:focus > SelectCurrent {
            background: $block-cursor-background; background-tint: transparent;
        }
        Select > SelectOverlay { background: $surface; border: round $border; }
        SetUpStatus { display: none; column-span: 2; padding-left: 13; }
        &:focus-within Label { color: $primary; text-style: bold; }
        &.-wrong Label { color: $text-error; }
        &.-wrong SetUpStatus { display: block; }
        &:nocolor:focus-within Label, &:ansi:focus-within Label { text-style: bold reverse; }
    }
    """

    class Changed(Message):
        """The answer has changed, or has settled."""

    def __init__(
        self,
        setting: str,
        label: str,
        *,
        value: str = "",
        placeholder: str = "",
        is_secret: bool = False,
    ) -> None:
        super().__init__(id=setting)
        self.setting = setting
        self._label = label
        self._first = self._last = value
        self.is_settled = True
        """Whether the answer is whole: pasted, or left; not in the midst of typing."""
        self._placeholder, self._is_secret = placeholder, is_secret

    def compose(self) -> ComposeResult:
        """Label, answer, error."""
        yield Label(self._label)
        yield self.make_control()
        yield SetUpStatus()

    def make_control(self) -> Widget:
        """Where the answer goes."""
        return Input(
            self._first,
            placeholder=self._placeholder,
            password=self._is_secret,
            compact=True,
            select_on_focus=False,
        )

    @property
    def value(self) -> str:
        """The answer as it is now."""
        return self.query_one(Input).value if self.is_mounted else self._first

    def show_error(self, text: str, hint: str = "") -> None:
        """Show what is wrong with the answer; nothing, where ``text`` is empty."""
        self.set_class(bool(text), "-wrong")
        self.query_one(SetUpStatus).state = PartState(Sign.WRONG, text, hint)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass it on, without the text: it may be a secret."""
        event.stop()
        self.is_settled = abs(len(event.value) - len(self._last)) != 1
        self._last = event.value
        self.post_message(self.Changed())

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """What is left is whole."""
        event.stop()
        if not self.is_settled:
            self.is_settled = True
            self.post_message(self.Changed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next question."""
        event.stop()
        self.screen.focus_next()


class SetUpProfile(SetUpField):
    """The AWS profile: one of those on this machine."""

    def __init__(self, setting: str, label: str, *, value: str = "", fixed: str = "") -> None:
        super().__init__(setting, label, value=value)
        self._fixed = fixed

    def make_control(self) -> Widget:
        """A choice; ``fixed`` says why there is none."""
        select: Select[str] = Select(
            [(self._fixed or OWN_ORDER, "")], value="", allow_blank=False, compact=True
        )
        select.disabled = bool(self._fixed)
        return select

    def on_mount(self) -> None:
        """What is set already can be seen before the profiles are known."""
        self.show_profiles([])

    @property
    def value(self) -> str:
        """The profile's name; empty for AWS's own order."""
        if not self.is_mounted or self._fixed:
            return ""
        value = self.query_one(Select).value
        return value if isinstance(value, str) else ""

    def show_profiles(self, profiles: list[str]) -> None:
        """Offer these."""
        if self._fixed:
            return
        select: Select[str] = self.query_one(Select)
        chosen = self.value or self._first
        names = [*profiles, *([chosen] if chosen and chosen not in profiles else [])]
        select.set_options([(OWN_ORDER, ""), *((safe(name), name) for name in names)])
        select.value = chosen

    def on_select_changed(self, event: Select.Changed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Changed())

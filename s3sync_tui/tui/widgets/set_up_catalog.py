"""The set-up's second part: where the rows go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Button, RadioSet

from s3sync_tui.safe_text import safe
from s3sync_tui.settings import CatalogKind
from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.set_up_choices import SetUpCheckbox, SetUpRadio
from s3sync_tui.tui.widgets.set_up_field import SetUpField
from s3sync_tui.tui.widgets.set_up_status import PartState, SetUpStatus, Sign, title

_KINDS: dict[CatalogKind, str] = {
    "supabase": "Supabase, by project URL and secret key",
    "postgres": "Postgres (Supabase's too), by connection string",
    "embedded": "A Postgres of its own on this machine",
}
_FIELDS: dict[CatalogKind, set[str]] = {
    "supabase": {"supabase_url", "supabase_key", "table"},
    "postgres": {"database_url", "table"},
    "embedded": {"table"},
}
_SECRETS = {"supabase_key", "database_url"}
_ADDRESSES = {"supabase_url", "database_url"}

Origins: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class CatalogStart:
    """What the part begins with."""

    kind: CatalogKind
    texts: dict[str, str]
    secret_origins: Origins
    """Who has set a secret, by setting; the secret itself is not shown, nor known here."""


class SetUpCatalog(Panel):
    """Three ways, and the fields of the one that is chosen."""

    DEFAULT_CSS = """
    SetUpCatalog {
        height: auto;
        RadioSet { background: transparent; background-tint: transparent; }
        SetUpCheckbox { background: transparent; background-tint: transparent; margin-left: 13; }
        ToggleButton > .toggle--button, RadioSet > RadioButton > .toggle--button {
            color: $foreground-muted; background: transparent;
        }
        ToggleButton.-on > .toggle--button, RadioSet > RadioButton.-on > .toggle--button {
            color: $text-success; background: transparent; text-style: bold;
        }
        RadioSet > RadioButton:ansi > .toggle--button { background: ansi_default; }
        SetUpCheckbox:ansi > .toggle--button { background: ansi_default; }
        RadioSet:blur > RadioButton.-selected > .toggle--label { background: transparent; }
        RadioButton.-on > .toggle--label { text-style: bold; }
        Button { display: none; margin: 0 0 0 2; }
        &.-no-schema Button { display: block; }
    }
    """

    class Changed(Message):
        """An answer has changed."""

    class SchemaAsked(Message):
        """The schema is to be applied."""

    def __init__(self, start: CatalogStart) -> None:
        super().__init__()
        self._start = start

    def compose(self) -> ComposeResult:
        """All fields; those of other ways are hidden."""
        with RadioSet(compact=True):
            for kind, words in _KINDS.items():
                yield SetUpRadio(words, value=kind == self._start.kind, id=f"kind-{kind}")
        text = self._start.texts.get
        yield SetUpField(
            "supabase_url",
            "Project URL",
            value=text("supabase_url", ""),
            placeholder="https://abcdefghijkl.supabase.co",
        )
        yield self._secret("supabase_key", "Secret key", "sb_secret_…")
        yield self._secret("database_url", "Connection", "postgresql://user:password@host/database")
        yield SetUpField("table", "Table", value=text("table", ""), placeholder="images")
        yield SetUpCheckbox("Keep the secret in the file too (readable by you alone)", compact=True)
        yield SetUpStatus(id="state")
        yield Button("Apply the schema (F3)", variant="warning", compact=True)

    def on_mount(self) -> None:
        """Name it, and show what applies."""
        self.border_title = title("Catalog", "where the rows go")
        self._show_fields()

    @property
    def kind(self) -> CatalogKind:
        """The way that is chosen."""
        pressed = self.query_one(RadioSet).pressed_button
        chosen = pressed.id if pressed is not None else ""
        return next((kind for kind in _KINDS if chosen == f"kind-{kind}"), self._start.kind)

    @property
    def texts(self) -> dict[str, str]:
        """The answers that apply, but for secrets, by setting."""
        return {f.setting: f.value for f in self._fields() if f.setting not in _SECRETS}

    @property
    def secret(self) -> str:
        """The secret that was typed, if one applies and was."""
        return next((f.value for f in self._fields() if f.setting in _SECRETS), "").strip()

    @property
    def is_settled(self) -> bool:
        """Whether the address is whole: a secret is not for a host half typed."""
        return all(field.is_settled for field in self._fields() if field.setting in _ADDRESSES)

    @property
    def keeps_secret(self) -> bool:
        """Whether it belongs into the file."""
        return bool(self.secret) and self.query_one(SetUpCheckbox).value

    @property
    def state(self) -> PartState:
        """How it stands."""
        return self.query_one("#state", SetUpStatus).state

    def show_state(self, state: PartState) -> None:
        """Show how it stands; errors at fields go."""
        for field in self.query(SetUpField):
            field.show_error("")
        self.query_one("#state", SetUpStatus).state = state
        self.set_class(state.sign is Sign.NO_SCHEMA and self.kind == "postgres", "-no-schema")

    def show_error(self, setting: str, text: str, hint: str) -> None:
        """Show an error beside its field."""
        self.query_one(f"#{setting}", SetUpField).show_error(text, hint)

    def on_set_up_field_changed(self, event: SetUpField.Changed) -> None:
        """Pass it on."""
        event.stop()
        self._show_fields()
        self.post_message(self.Changed())

    def on_radio_set_changed(self, event: RadioSet.Changed) -> None:
        """Other fields apply."""
        event.stop()
        self._show_fields()
        self.post_message(self.Changed())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """There is one."""
        event.stop()
        self.post_message(self.SchemaAsked())

    def _secret(self, setting: str, label: str, example: str) -> SetUpField:
        origin = self._start.secret_origins.get(setting, "")
        words = f"as set in {safe(origin)}" if origin else example
        return SetUpField(setting, label, placeholder=words, is_secret=True)

    def _fields(self) -> list[SetUpField]:
        names = _FIELDS[self.kind]
        return [field for field in self.query(SetUpField) if field.setting in names]

    def _show_fields(self) -> None:
        names = _FIELDS[self.kind]
        for field in self.query(SetUpField):
            field.display = field.setting in names
        is_set = any(self._start.secret_origins.get(name) for name in names & _SECRETS)
        # What is set elsewhere stays there.
        has_choice = bool(names & _SECRETS) and (bool(self.secret) or not is_set)
        self.query_one(SetUpCheckbox).display = has_choice

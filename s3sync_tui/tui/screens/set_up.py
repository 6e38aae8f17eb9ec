"""The set-up: asked where nothing is configured, each part tried while it is typed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.key_bar import KeyBar
from s3sync_tui.tui.widgets.set_up_actions import SetUpActions
from s3sync_tui.tui.widgets.set_up_bucket import SetUpBucket
from s3sync_tui.tui.widgets.set_up_catalog import CatalogStart, SetUpCatalog
from s3sync_tui.tui.widgets.set_up_status import PartState, Sign

_INTRO = (
    "Which bucket holds the images, and which table is to list them? "
    "Each answer is tried as you type. Nothing is synced before you say so."
)


@dataclass(frozen=True, slots=True)
class SetUpStart:
    """What the form begins with."""

    bucket: dict[str, str]
    catalog: CatalogStart
    place: str
    """Where the answers are kept, as people call it."""
    is_new: bool = True
    """Whether there is no such file yet."""
    fixed_profile: str = ""
    """Why no profile can be chosen, where that is so."""


class SetUp(Screen[None]):
    """The form. It tries and writes nothing: the app does, and answers the messages."""

    DEFAULT_CSS = """
    SetUp {
        background: $background;

        #name { height: 1; padding: 0 1; background: $panel; }
        #frame { height: 1fr; align-horizontal: center; }
        #body { max-width: 100; scrollbar-size-vertical: 1; height: 1fr; }
        #intro { height: auto; padding: 0 2; margin-bottom: 1; color: $foreground-muted; }
        SetUpActions { max-width: 100; }

        &.-short #intro { display: none; }
        &.-medium, &.-tall {
            #frame { align: center middle; overflow-y: auto; scrollbar-size-vertical: 1; }
            #body { height: auto; }
            SetUpBucket, SetUpCatalog, RadioSet { margin-bottom: 1; }
            SetUpActions #place { margin-bottom: 1; }
        }
        &.-tall {
            SetUpBucket, SetUpCatalog { padding: 1 2; }
            SetUpField { margin-bottom: 1; }
            SetUpCheckbox { margin: 0 0 1 13; }
            SetUpActions, #intro { padding: 0 3; }
        }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-medium"), (44, "-tall")]  # noqa: RUF012

    def __init__(self, start: SetUpStart) -> None:
        super().__init__()
        self._start = start

    def compose(self) -> ComposeResult:
        """Two parts, and what comes of them."""
        yield Static(
            Content.assemble(
                ("s3sync", "bold $primary"),
                "  ",
                ("set-up", "bold"),
                ("  nothing is configured yet", MUTED),
            ),
            id="name",
        )
        with Container(id="frame"):
            with VerticalScroll(id="body", can_focus=False):
                yield Static(_INTRO, id="intro")
                yield SetUpBucket(self._start.bucket, fixed_profile=self._start.fixed_profile)
                yield SetUpCatalog(self._start.catalog)
            yield SetUpActions()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin with the first question."""
        self.query_one(SetUpActions).show_place(self._start.place, is_new=self._start.is_new)
        self._show_missing()
        self.bucket.query(Input).first().focus()

    @property
    def bucket(self) -> SetUpBucket:
        """The first part."""
        return self.query_one(SetUpBucket)

    @property
    def catalog(self) -> SetUpCatalog:
        """The second part."""
        return self.query_one(SetUpCatalog)

    @property
    def missing(self) -> list[str]:
        """The parts that do not work yet."""
        parts = {"bucket": self.bucket.state, "catalog": self.catalog.state}
        return [name for name, state in parts.items() if state.sign is not Sign.WELL]

    def show_bucket(self, state: PartState) -> None:
        """Show how the first part stands."""
        self.bucket.show_state(state)
        self._show_missing()

    def show_catalog(self, state: PartState) -> None:
        """Show how the second part stands."""
        self.catalog.show_state(state)
        self._show_missing()

    def show_problem(self, text: str, hint: str) -> None:
        """Say why nothing could be saved; nothing, where ``text`` is empty."""
        self.query_one(SetUpActions).show_problem(text, hint)

    def _show_missing(self) -> None:
        self.query_one(SetUpActions).show_missing(self.missing)
        self.refresh_bindings()

"""Help: what each panel shows, what its figures and signs mean, and all keys."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widget import Widget

from s3sync_tui.tui.keys import action_name, help_of, hints, own_bindings
from s3sync_tui.tui.panel_help import PanelHelp, Term
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.health_panel import HealthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.log_drawer import LogDrawer
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from s3sync_tui.tui.widgets.tiles import Tiles

PANELS = (SyncPanel, HealthPanel, HistoryPanel, GrowthPanel, Tiles, LogDrawer)
"""In the order of their numbers on the dashboard."""
_LEAST_CELLS = 56
"""Below this, meanings go under their words and not beside them; beside signs they stay."""
_SIGN_CELLS = 6
_MOST_CELLS = 76
"""Of a line that reads well."""
_GAP = 2


class HelpScreen(ModalScreen[None]):
    """Opens at the section of ``panel``, or at the keys."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical {
        width: 100%; max-width: 122; height: 100%; max-height: 60; padding: 0 0 0 1;
        border: round $primary; border-title-style: bold; border-title-color: $primary;
        border-subtitle-color: $text-muted; background: $surface;
    }
    HelpScreen > Vertical:ansi { border: heavy $primary; }
    HelpScreen HelpScroll { height: 1fr; scrollbar-size-vertical: 1; }
    HelpScreen HelpScroll:focus { background-tint: transparent; }
    HelpScreen HelpText { height: auto; padding: 0 1; }
    HelpScreen Sections { height: 1; margin: 0 1 1 1; }
    HelpScreen.-wide > Vertical {
        width: 94%; height: 92%; padding: 1 2; layout: horizontal;
    }
    HelpScreen.-wide Sections {
        width: 18; height: 1fr; margin: 0 2 0 0; border-right: solid $border-blurred;
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close"),
        Binding("1", "show(0)", "Sync", show=False),
        Binding("2", "show(1)", "Health", show=False),
        Binding("3", "show(2)", "History", show=False),
        Binding("4", "show(3)", "Growth", show=False),
        Binding("5", "show(4)", "Tiles", show=False),
        Binding("6", "show(5)", "Log", show=False),
        Binding("7", "show(6)", "Keys", show=False),
    ]

    def __init__(self, panel: str | None = None) -> None:
        super().__init__()
        self._sections = [each.PANEL_HELP for each in PANELS]
        names = [each.name for each in self._sections]
        self._shown = names.index(panel) if panel in names else len(names)  # the keys

    def compose(self) -> ComposeResult:
        """The sections' names, and the text of one of them."""
        self._sections.append(_keys(type(self.app)))
        with Vertical() as box:
            box.border_subtitle = hints(("esc", "close"), ("1-7 ←→", "section"), ("↑↓", "scroll"))
            yield Sections([each.name for each in self._sections])
            with HelpScroll():
                yield HelpText()

    def on_mount(self) -> None:
        """Show what was asked for."""
        self.query_one(HelpScroll).focus()
        self.action_show(self._shown)

    def on_sections_chosen(self, message: Sections.Chosen) -> None:
        """As with the keys."""
        self.action_show(message.place)

    def action_show(self, place: int) -> None:
        """Show the section at ``place``."""
        self._shown = place
        section = self._sections[place]
        self.query_one(Sections).chosen = place
        self.query_one(HelpText).section = section
        self.query_one(Vertical).border_title = f"Help ▸ {section.name}"
        self.query_one(HelpScroll).scroll_home(animate=False)

    def action_step(self, step: int) -> None:
        """Show the next section, or the one before."""
        self.action_show((self._shown + step) % len(self._sections))


class HelpScroll(VerticalScroll):
    """Scrolls up and down; to the sides are the other sections."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.step(-1)", "Section before", show=False),
        Binding("right", "screen.step(1)", "Next section", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("j", "scroll_down", "Down", show=False),
        Binding("space", "page_down", "Page down", show=False),
    ]


class Sections(Widget):
    """The sections' names with their numbers: a list, or where it is narrow a line."""

    chosen: reactive[int] = reactive(0)

    class Chosen(Message):
        """Someone clicked a name."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def render(self) -> Content:
        """Below each other, or beside each other."""
        parts = [
            Content.assemble(
                (f"{place + 1}", "bold $text-accent"),
                " " if name else "",
                (name, "bold reverse $primary" if place == self.chosen else "$foreground"),
            )
            for place, name in enumerate(self._shown)
        ]
        return Content("\n" if self._is_list else " " * _GAP).join(parts)

    def on_click(self, event: Click) -> None:
        """Choose the name that was hit."""
        ends = list(accumulate(len(f"1 {name}".strip()) + _GAP for name in self._shown))
        place = event.y if self._is_list else bisect_right(ends, event.x)
        if place < len(self._names):
            self.post_message(self.Chosen(place))

    @property
    def _is_list(self) -> bool:
        return self.size.height > 1

    @property
    def _shown(self) -> list[str]:
        """All names; where they do not fit, the chosen one between numbers."""
        cells = sum(len(name) + _GAP + 2 for name in self._names) - _GAP
        if self._is_list or cells <= self.size.width:
            return self._names
        return [name if place == self.chosen else "" for place, name in enumerate(self._names)]


class HelpText(Widget):
    """One section, wrapped to the width."""

    section: reactive[PanelHelp | None] = reactive(None, layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as it takes."""
        return len(self._lines(width))

    def render(self) -> Content:
        """All of it."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        section = self.section
        if section is None:
            return []
        lines = [Content(line) for line in _wrap(section.about, width)]
        for heading, terms in section.parts:
            lines += _part(heading, terms, width)
        if section.keys:
            keys = [Term(each.name, each.meaning, "accent") for each in section.keys]
            lines += _part("its keys", keys, width)
        return lines


def _part(heading: str, terms: Sequence[Term], width: int) -> list[Content]:
    name_cells = max(len(term.name) for term in terms) + _GAP
    head = _wrap(heading.upper(), width)
    lines = [Content.empty(), *(Content.styled(line, f"bold {MUTED}") for line in head)]
    for term in terms:
        style = f"bold $text-{term.tone}" if term.tone else "bold"
        if width < _LEAST_CELLS and name_cells > _SIGN_CELLS:
            lines.append(Content.styled(term.name, style))
            lines += [Content(f"  {line}") for line in _wrap(term.meaning, width - 2)]
            continue
        first, *others = _wrap(term.meaning, width - name_cells)
        name = Content.styled(f"{term.name:<{name_cells}}", style)
        lines.append(Content.assemble(name, first))
        lines += [Content(" " * name_cells + line) for line in others]
    return lines


def _wrap(text: str, width: int) -> list[str]:
    return wrap(text, max(12, min(width, _MOST_CELLS)))


def _keys(app: type[object]) -> PanelHelp:
    """The keys of app and dashboard, as they are bound."""
    terms: dict[str, Term] = {}
    jumps = []
    for binding in [*own_bindings(app), *own_bindings(Dashboard)]:
        if action_name(binding) == "jump":
            jumps.append(binding)
        else:
            key = binding.key_display or binding.key
            terms[binding.key] = Term(key, help_of(binding) or f"{binding.description}.", "accent")
    names = ", ".join(f"{binding.description} ({binding.key})" for binding in jumps)
    return PanelHelp(
        "Keys",
        "These keys apply everywhere on the dashboard. The last line shows those that do "
        "something now; what is grey there, does nothing now.",
        (
            (
                "keys",
                (
                    *terms.values(),
                    Term(f"{jumps[0].key} … {jumps[-1].key}", f"Go to {names}.", "accent"),
                    Term("tab", "Go to the next panel; shift+tab: back.", "accent"),
                    Term("^p", "All commands, to be found by their names; themes, too.", "accent"),
                    Term("esc", "Shut what is open: a question, this help, details.", "accent"),
                ),
            ),
            (
                "mouse",
                (
                    Term("click", "Choose a panel, a check, a run; sort by a column's head; press "
                         "a key in the last line."),
                    Term("wheel", "Scroll."),
                ),
            ),
            (
                "more",
                (
                    Term("colours", "None is the only sign of anything; NO_COLOR=1 takes them "
                         "all away."),
                    Term("in scripts", "The same figures: s3sync-tui history, growth, health, each "
                         "with --json; a sync: s3sync-tui --once."),
                ),
            ),
        ),
    )  # fmt: skip

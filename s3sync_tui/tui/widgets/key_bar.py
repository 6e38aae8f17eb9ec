"""The keys that apply now, along the lower edge."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import ActiveBinding, Binding
from textual.content import Content
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget

from s3sync_tui.tui.tones import FAINT

_PINNED = ("question_mark", "ctrl+p", "q")
"""Never given up, whatever the width: help first."""
_GAP = 2


class _Key(NamedTuple):
    key: str
    display: str
    description: str
    is_enabled: bool

    @property
    def cells(self) -> int:
        return len(self.display) + 1 + len(self.description)


class KeyBar(Widget):
    """Like Textual's Footer, but what does not fit gives way to ``?``, and a change is a
    repaint and not a new set of widgets."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; background: $footer-background; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[_Key] = []
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow the screen's keys."""
        self.screen.bindings_updated_signal.subscribe(self, self._take)
        self._take(self.screen)

    def _take(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        shown: dict[str, _Key] = {}
        nodes: dict[str, object] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if _is_typed(binding, screen.focused):
                continue
            if (binding.show or binding.key in _PINNED) and binding.action not in shown:
                shown[binding.action] = self._key(active)
                nodes[binding.action] = active.node
        # The app's own keys apply everywhere: they come first, in their order.
        keys = [shown[action] for action in sorted(shown, key=lambda a: nodes[a] is not self.app)]
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def _key(self, active: ActiveBinding) -> _Key:
        binding = active.binding
        description = "Commands" if binding.key == "ctrl+p" else binding.description
        return _Key(binding.key, self.app.get_key_display(binding), description, active.enabled)

    def render(self) -> Content:
        """Left what fits, right what must stay."""
        by_key = {key.key: key for key in self._keys}
        pinned = [by_key[key] for key in _PINNED if key in by_key]
        others = [key for key in self._keys if key.key not in _PINNED]
        cells = self.size.width
        while len(pinned) > 1 and _cells(pinned) > cells:
            pinned.pop()
        room = cells - _cells(pinned)
        fitting = list(others)
        while fitting and _cells(fitting) + _GAP > room:
            # What cannot be done now goes first, then from the end.
            idle = next((key for key in reversed(fitting) if not key.is_enabled), fitting[-1])
            fitting.remove(idle)
        self._places = []
        parts: list[Content] = []
        at = self._lay(fitting, 0, parts)
        gap = cells - at - _cells(pinned)
        parts.append(Content(" " * max(0, gap)))
        self._lay(pinned, at + max(0, gap), parts)
        return Content.empty().join(parts)

    def _lay(self, keys: list[_Key], at: int, parts: list[Content]) -> int:
        for key in keys:
            on, off = ("bold $footer-key-foreground", "$footer-description-foreground")
            if not key.is_enabled:
                on = off = FAINT
            parts.append(
                Content.assemble((key.display, on), (f" {key.description}", off), " " * _GAP)
            )
            self._places.append((at, at + key.cells, key.key))
            at += key.cells + _GAP
        return at

    def on_click(self, event: Click) -> None:
        """A key can be clicked."""
        x = event.x - self.gutter.left
        for begin, end, key in self._places:
            if begin <= x < end:
                self.app.simulate_key(key)


def _is_typed(binding: Binding, focused: Widget | None) -> bool:
    """Whether the key goes into a field. Textual leaves such keys out itself, but does not
    know what character is behind a name like ``slash``."""
    character = binding.key_display or ""
    return (
        focused is not None
        and len(character) == 1
        and focused.check_consume_key(binding.key, character)
    )


def _cells(keys: list[_Key]) -> int:
    return sum(key.cells + _GAP for key in keys)

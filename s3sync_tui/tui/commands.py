"""The command palette's commands: all that has a key, as far as it applies now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from textual.actions import parse
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.types import IgnoreReturnCallbackType

from s3sync_tui.insight.growth import Period
from s3sync_tui.tui.keys import help_of, own_bindings, title_of
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.health_panel import HealthPanel
from s3sync_tui.tui.widgets.runs_table import RunsTable


@dataclass(frozen=True, slots=True)
class _Command:
    title: str
    line: str
    key: str
    run: IgnoreReturnCallbackType


_OURS = {"Keys", "Quit"}
"""Commands of Textual's that ours stand for: help, and quitting after a question."""


class DashboardCommands(Provider):
    """Those of app and dashboard are made from their bindings, so new keys come by
    themselves; those of a panel need not have its focus. Textual's own come last: this
    is to be an app's only provider."""

    async def discover(self) -> Hits:
        """All that apply now."""
        for command in self._commands():
            yield DiscoveryHit(
                _shown(Content(command.title), command.key),
                command.run,
                text=command.title,
                help=command.line,
            )

    async def search(self, query: str) -> Hits:
        """Those of them that ``query`` may mean."""
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.title)
            if score > 0:
                yield Hit(
                    score,
                    _shown(matcher.highlight(command.title), command.key),
                    command.run,
                    text=command.title,
                    help=command.line,
                )

    def _commands(self) -> Iterator[_Command]:
        screen = self.screen
        if isinstance(screen, Dashboard):  # on top of it, its keys do not apply
            yield from self._bound(self.app)
            yield from self._bound(screen)
            yield from self._of_panels(screen)
        for command in self.app.get_system_commands(screen):
            if command.title not in _OURS:
                yield _Command(command.title, command.help, "", command.callback)

    def _bound(self, node: DOMNode) -> Iterator[_Command]:
        seen = set()
        for binding in own_bindings(type(node)):
            if binding.action not in seen and _applies(node, binding.action):
                seen.add(binding.action)
                yield _Command(
                    title_of(binding),
                    help_of(binding),
                    self.app.get_key_display(binding),
                    partial(self.app.run_action, binding.action, node),
                )

    def _of_panels(self, screen: Dashboard) -> Iterator[_Command]:
        runs, growth = screen.query_one(RunsTable), screen.query_one(GrowthPanel)
        known = {"runs": 3} if runs.row_count else {}
        if growth.has_class("-known"):
            known["growth"] = 4
        if screen.query_one(HealthPanel).chosen is not None:
            known["health"] = 2
        if "runs" in known:
            for title, line, key, action in (
                ("Run details", "All about the chosen run.", "enter", "select_cursor"),
                ("Order runs", "Sort History by the next column.", "o", "sort_next"),
                ("Order runs the other way", "Turn History around.", "O", "sort_other_way"),
            ):
                yield _Command(title, line, key, partial(self.app.run_action, action, runs))
        if "growth" in known:
            for period in Period:
                if period is not growth.period:
                    action = f"show_period('{period.value}')"
                    yield _Command(
                        f"Growth by {period.value}",
                        f"Show arrivals by {period.value}.",
                        "← →",
                        partial(self.app.run_action, action, growth),
                    )
        if _applies(self.app, "export"):
            for what, number in known.items():
                line = f"Write {what} to a file, as CSV or JSON."
                yield _Command(f"Export {what}", line, "e", partial(self._export, screen, number))

    async def _export(self, screen: Dashboard, number: int) -> None:
        """What is exported, goes by the panel that has the focus."""
        screen.action_jump(number)
        self.app.call_later(self.app.run_action, "export")  # the focus is moved later, too


def _applies(node: DOMNode, action: str) -> bool:
    _, name, parameters = parse(action)
    return node.check_action(name, parameters) is True


def _shown(title: Content, key: str) -> Content:
    return Content.assemble(title, (f"  {key}", MUTED)) if key else title

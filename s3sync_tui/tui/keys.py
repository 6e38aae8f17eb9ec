"""The keys of app and dashboard: taken from their bindings, each explained in a line."""

from __future__ import annotations

from typing import Any

from textual.binding import Binding, BindingsMap
from textual.content import Content

_WATCH = (
    "Sync by itself while the dashboard is open, 5 minutes (--every) after the last run began, "
    "here or elsewhere. The top line counts down. Again: off."
)
_EXPLAINED = {
    "sync": ("Sync S3", "Bring the table in step with the bucket, now."),
    "sync('full')": (
        "Full sync",
        "Sync now and list the whole bucket, also where a delta run would do.",
    ),
    "cancel": ("Cancel the run", "Stop the run, after a question. What is committed stays."),
    "watch": ("Watch on/off", _WATCH),
    "export": ("Export", "Write runs, growth or health to a file, as CSV or JSON."),
    "help": ("Help", "Explain the panel that has the focus, and the others."),
    "quit": ("Quit", "Leave. If a run is under way, it asks what is to become of it."),
    "fix": (
        "Fix",
        "Show what would mend the chosen health check, or a missing schema. It runs after a yes.",
    ),
    "filter": ("Filter runs", "Narrow History to the runs in which all your words occur."),
    "log": ("Log", "Open the log at the lower edge, or shut it."),
    "jump": ("Go to {}", "Put the focus on that panel."),
}
"""Titles, where the binding's own words are too short by themselves, and a line of help."""


def title_of(binding: Binding) -> str:
    """What it does, in a few words."""
    known = _explained(binding)
    return known[0].format(binding.description) if known else binding.description


def help_of(binding: Binding) -> str:
    """What it does, in a line; empty where nobody has said."""
    known = _explained(binding)
    return known[1] if known else binding.tooltip


def _explained(binding: Binding) -> tuple[str, str] | None:
    return _EXPLAINED.get(binding.action) or _EXPLAINED.get(action_name(binding))


def action_name(binding: Binding) -> str:
    """The action, without its parameters."""
    return binding.action.partition("(")[0]


def hints(*keys: tuple[str, str]) -> Content:
    """Keys and what they do, for the edge of a frame."""
    parts = [Content.assemble((key, "bold $text-accent"), f" {what}") for key, what in keys]
    return Content("  ").join(parts)


def own_bindings(kind: type[Any]) -> list[Binding]:
    """The bindings that we gave to a class of widgets, screens or apps, and not Textual."""
    found: dict[str, Binding] = {}
    for each in kind.__mro__:
        if each.__module__.partition(".")[0] != "textual":
            for bindings in BindingsMap(each.__dict__.get("BINDINGS", ())).key_to_bindings.values():
                for binding in bindings:
                    found.setdefault(binding.key, binding)
    return list(found.values())

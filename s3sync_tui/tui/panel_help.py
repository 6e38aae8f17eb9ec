"""What a panel says of itself to the help screen."""

from __future__ import annotations

from dataclasses import dataclass

from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a sign on the screen, and what it means."""

    name: str
    meaning: str
    tone: str = ""
    """``success``, ``warning``, ``error``, … as the panel shows it."""


@dataclass(frozen=True, slots=True)
class PanelHelp:
    """Everything about one panel. Panels have it as their class attribute ``PANEL_HELP``."""

    name: str
    about: str
    parts: tuple[tuple[str, tuple[Term, ...]], ...]
    """Under their headings."""
    keys: tuple[Term, ...] = ()


RUN_FIGURES = (
    Term(
        "full, delta",
        "A full run lists the whole bucket, a delta run only where new keys may be, as far as "
        "their order tells. The total of a delta run is what it has listed.",
    ),
    Term("total", "Images found in the bucket. It is always added + skipped."),
    Term("added", "Rows inserted, for images that the table did not have."),
    Term("skipped", "Images that the table had already. Nothing was done to them."),
    Term(
        "changed",
        "Rows updated: the object has another ETag or size than before, or it is back after "
        "having been marked missing.",
    ),
    Term(
        "gone",
        "Rows whose object is no longer in the bucket. No row is ever deleted; with "
        "--mark-gone, missing_since is set.",
    ),
    Term(
        "rejected",
        "Keys that Postgres cannot store (U+0000, broken UTF-8). They are left out, and some "
        "are named in the run's details.",
    ),
)
"""What the figures of a run mean, wherever they are shown."""


def panel_of(widget: Widget | None) -> PanelHelp | None:
    """The help of the panel that ``widget`` is, or is in."""
    for node in widget.ancestors_with_self if widget is not None else ():
        known = getattr(node, "PANEL_HELP", None)
        if isinstance(known, PanelHelp):
            return known
    return None

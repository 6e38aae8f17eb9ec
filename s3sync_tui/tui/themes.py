"""Our own themes: night water and amber, and the same by day."""

from __future__ import annotations

import os
from typing import TypeVar

from textual.app import App
from textual.theme import Theme

Result = TypeVar("Result")

DARK = Theme(
    name="s3sync-dark",
    primary="#56b6c2",
    secondary="#7aa2f7",
    accent="#f0b455",
    success="#7fc98b",
    warning="#f0b455",
    error="#f0716b",
    foreground="#d5dce6",
    background="#0f141b",
    surface="#141b24",
    panel="#1c2631",
    dark=True,
    variables={
        "border": "#56b6c2",
        "border-blurred": "#33424f",
        "block-cursor-background": "#234652",
        "block-cursor-foreground": "#f2f6fa",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#1c2631",
        "block-cursor-blurred-foreground": "#d5dce6",
        "block-hover-background": "#1a2530",
        "footer-background": "#141b24",
        "footer-key-foreground": "#f0b455",
        "footer-description-foreground": "#a9b4c0",
        "input-selection-background": "#56b6c2 35%",
        "scrollbar": "#33424f",
        "scrollbar-hover": "#4a5f70",
        "scrollbar-active": "#56b6c2",
        "scrollbar-background": "#0f141b",
        "scrollbar-background-hover": "#0f141b",
        "scrollbar-background-active": "#0f141b",
        "scrollbar-corner-color": "#0f141b",
    },
)

LIGHT = Theme(
    name="s3sync-light",
    primary="#0b7a8a",
    secondary="#2f5fc4",
    accent="#a55b00",
    success="#22783a",
    warning="#a55b00",
    error="#c0322e",
    foreground="#1d2730",
    background="#fbfbf9",
    surface="#f2f3f0",
    panel="#e6e9e6",
    dark=False,
    variables={
        "foreground-muted": "#56626b",
        "border": "#0b7a8a",
        "border-blurred": "#bcc6c9",
        "block-cursor-background": "#cfe6ea",
        "block-cursor-foreground": "#0e1a20",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#e9edea",
        "block-cursor-blurred-foreground": "#1d2730",
        "block-hover-background": "#e9f1f2",
        "footer-background": "#eceeea",
        "footer-key-foreground": "#a55b00",
        "footer-description-foreground": "#4a5760",
        "input-selection-background": "#0b7a8a 30%",
        "scrollbar": "#c3cccd",
        "scrollbar-hover": "#9fb0b4",
        "scrollbar-active": "#0b7a8a",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-background-hover": "#fbfbf9",
        "scrollbar-background-active": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)


def use_themes(app: App[Result], name: str = DARK.name) -> None:
    """Register both with ``app``, and wear ``name``."""
    app.register_theme(DARK)
    app.register_theme(LIGHT)
    app.theme = name


def ansi_color() -> bool | None:
    """What an app is to be made with: where ``NO_COLOR`` is set, Textual turns a theme's
    colours into greys, but leaves the terminal's own out altogether."""
    return True if "NO_COLOR" in os.environ else None

"""Keeps Python's garbage collector from making keys wait."""

from __future__ import annotations

import gc


def hold_collections() -> None:
    """None until :func:`settle`: while modules load there is next to no garbage, and
    looking for it took a quarter of the time to the first paint."""
    gc.disable()


def settle() -> None:
    """Take what is there out of every collection to come: to be called once all is loaded.

    Modules, styles and widgets are some hundred thousand objects that live as long as the
    app. Looking through them for garbage took 150 to 490 ms each time, twenty times a
    minute, and that was the 99th percentile of keys (bench/RESULTS.md, "Key to paint").
    """
    gc.freeze()
    gc.enable()

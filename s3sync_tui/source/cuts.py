"""Where to cut a key range that nothing is known of: at the folders that one listing shows."""

from __future__ import annotations

from collections.abc import Sequence

from s3sync_tui.model import KeyRange


def folder_cuts(folders: Sequence[str], span: KeyRange, parts: int) -> list[str]:
    """``folders`` inside ``span``, thinned to ``parts - 1``.

    Printable ones only: where some store repeats a request's StartAfter as it is, control
    characters make its answer no XML (moto 5 does).
    """
    inside = [cut for cut in folders if span.after < cut < span.up_to and cut.isprintable()]
    if len(inside) < parts:
        return inside
    return [inside[(i + 1) * len(inside) // parts] for i in range(parts - 1)]

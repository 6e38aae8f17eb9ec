"""Secrets that were planted, and the search for what of them has come out."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from urllib.parse import quote, quote_plus

WINDOW = 10
"""So many characters of a secret in a row are a leak: what is cut short is one, too."""


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """What of ``secrets`` stands in ``text``, in any of the usual encodings, with its
    surroundings."""
    found = []
    for secret in secrets:
        for window in _windows(secret):
            at = text.find(window)
            if at >= 0:
                found.append(text[max(0, at - 80) : at + 60])
                break
    return found


@cache
def _windows(secret: str) -> tuple[str, ...]:
    forms = {form for form in _forms(secret) if len(form) >= WINDOW}
    return tuple(
        dict.fromkeys(form[at : at + WINDOW] for form in forms for at in range(len(form) - 9))
    )


def _forms(secret: str) -> Iterator[str]:
    """Made otherwise than s3sync_tui.secrecy does it, as far as that goes."""
    yield secret
    for form in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield form
        yield form.lower()
        yield quote(form, safe="")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield escape(secret)
    for offset in range(3):
        data = secret.encode()[offset:]
        encoded = b64encode(data[: len(data) // 3 * 3]).decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")

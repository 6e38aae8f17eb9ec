"""The variables for proxies, which libraries read by themselves: whether they can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from s3sync_tui.errors import SettingsError
from s3sync_tui.settings.database import ENCODE

NAMES = ("http_proxy", "https_proxy", "all_proxy")
"""In lower or upper case."""


def check_proxies(environ: Mapping[str, str]) -> Iterator[SettingsError]:
    """What is wrong with them. Each library would stumble over it in its own way, and some of
    them quote it, password and all."""
    for lower in NAMES:
        for name in (lower, lower.upper()):
            value = environ.get(name, "").strip()
            if value and not _can_be_read(value):
                yield SettingsError(
                    f"${name}: must be the URL of a proxy, like http://proxy.example.com:3128.",
                    hint=ENCODE,
                )


def _can_be_read(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a part of the password, taken for the port
        return False
    is_torn = "@" in parts.path + parts.query + parts.fragment
    return has_host and not is_torn and value.isprintable() and " " not in value

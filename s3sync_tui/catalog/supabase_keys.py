"""Supabase's project URLs and API keys: what they are, told before any request is made.

Four kinds of key exist (https://supabase.com/docs/guides/api/api-keys): publishable
``sb_publishable_…`` and secret ``sb_secret_…`` ones, which are no JWTs, and the JWTs
``anon`` and ``service_role``, which these replace and which Supabase retires at the end of
2026 (https://supabase.com/docs/guides/getting-started/migrating-to-new-api-keys).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

from s3sync_tui.catalog.encryption import is_this_machine
from s3sync_tui.errors import CatalogDenied, SettingsError

WHERE_KEYS_ARE = "Supabase dashboard > Project Settings > API Keys"
_USE_INSTEAD = (
    f"Use a secret key: sb_secret_…, from {WHERE_KEYS_ARE}, in SUPABASE_SECRET_KEY. Keep it to "
    "servers: it reads and writes everything."
)
_PROJECT_HOST = re.compile(r"([a-z0-9]+)\.supabase\.(?:co|in|red)")


class KeyKind(Enum):
    """How a key travels and what it is good for."""

    SECRET = auto()
    """``sb_secret_…``: in the ``apikey`` header alone, for it is no JWT."""

    LEGACY = auto()
    """A JWT: in ``apikey`` and in ``Authorization: Bearer``."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where a project is."""

    url: str
    """Without a slash at its end."""

    @property
    def host(self) -> str:
        """With the port where the URL names one."""
        return urlsplit(self.url).netloc

    @property
    def ref(self) -> str:
        """The project's identifier at supabase.com; empty for one hosted elsewhere or
        under a domain of its own."""
        match = _PROJECT_HOST.fullmatch(urlsplit(self.url).hostname or "")
        return match[1] if match else ""

    @property
    def name(self) -> str:
        """For people."""
        return self.ref or self.host

    @property
    def sends_in_clear(self) -> bool:
        """Whether the key would cross a network unencrypted."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not is_this_machine(parts.hostname or "")

    def dashboard(self, page: str) -> str:
        """Where in the dashboard ``page`` is, such as ``sql/new``; empty if unknown."""
        return f"https://supabase.com/dashboard/project/{self.ref}/{page}" if self.ref else ""


def check_key(key: str, project: Project, *, now: float) -> KeyKind:
    """The kind of ``key``, which must have elevated rights; ``now`` is in seconds since
    the epoch.

    Raises :class:`~s3sync_tui.errors.SettingsError` for a key that cannot do, such as
    ``anon``, and :class:`~s3sync_tui.errors.CatalogDenied` for one that has expired. No
    message holds any of the key.
    """
    if key.startswith("sb_secret_"):
        return KeyKind.SECRET
    if key.startswith("sb_publishable_"):
        raise SettingsError(
            "The Supabase key is a publishable key: anybody may have it, so it sees no rows.",
            hint=_USE_INSTEAD,
        )
    if key.startswith(("sbp_", "sb_")):
        raise SettingsError(
            "The Supabase key is an access token for Supabase's management, no key of a project."
            if key.startswith("sbp_")
            else "The Supabase key is of a kind that s3sync-tui does not know.",
            hint=_USE_INSTEAD,
        )
    claims = _claims(key)
    if claims is None:
        raise SettingsError(
            "The Supabase key is neither a secret key (sb_secret_…) nor a legacy service_role key "
            "(eyJ…): part of it may be missing.",
            hint=_USE_INSTEAD,
        )
    role = claims.get("role")
    if role == "anon":
        raise SettingsError(
            "The Supabase key is the anon key: anybody may have it, so it sees no rows.",
            hint=_USE_INSTEAD,
        )
    if role == "authenticated":
        raise SettingsError(
            "The Supabase key is the access token of a signed-in user, no key of the project.",
            hint=_USE_INSTEAD,
        )
    if project.ref and claims.get("ref") not in {None, project.ref}:
        raise SettingsError(
            f"The Supabase key belongs to the project {claims['ref']!s:.40}, and SUPABASE_URL "
            f"names the project {project.ref}.",
            hint=f"Copy both from the same project: the key from {WHERE_KEYS_ARE}, the URL from "
            "Project Settings > Data API.",
        )
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < now:
        raise expired()
    return KeyKind.LEGACY


def expired() -> CatalogDenied:
    """The fault of a JWT whose time is over."""
    return CatalogDenied("The Supabase key, a JWT, has expired.", hint=_USE_INSTEAD)


def retirement_notice() -> str:
    """What holders of a legacy key should know."""
    return (
        "The Supabase key is a legacy service_role key. Supabase retires these at the end of 2026: "
        f"create a secret key (sb_secret_…) at {WHERE_KEYS_ARE}, and set SUPABASE_SECRET_KEY to it."
    )


def clear_text_notice(project: Project) -> str:
    """What users of ``http://`` should know."""
    return (
        f"SUPABASE_URL is {project.url}: with http:// the secret key crosses the network "
        "unencrypted, for anybody on the way to read. Use https://."
    )


def _claims(key: str) -> dict[str, object] | None:
    """What a JWT says of itself, its signature unchecked: that is the server's to do."""
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None

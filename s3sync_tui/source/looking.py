"""A look at one object: what is there now, whatever notifications said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from s3sync_tui.source.listing import LONGEST_ETAG


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that is there."""

    etag: str
    """Without quotes."""
    size_bytes: int
    last_modified: datetime


class Looker(Protocol):
    """Who can look."""

    async def look(self, key: str) -> Seen | None:
        """The object ``key`` as it is now; None where there is none.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """


def seen_in(headers: Mapping[str, str]) -> Seen | None:
    """What HeadObject's answer says; None where that is no object."""
    try:
        modified = parsedate_to_datetime(headers["Last-Modified"])
        size = int(headers["Content-Length"])
        etag = headers["ETag"].removeprefix("W/").strip('"')
    except (KeyError, ValueError, OverflowError):
        return None
    if not 0 <= size < 10**18 or len(etag) > LONGEST_ETAG:
        return None
    return Seen(etag, size, modified.replace(tzinfo=modified.tzinfo or UTC))

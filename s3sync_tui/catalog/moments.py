"""Times as the two transports bring them."""

from __future__ import annotations

from datetime import datetime


def moment(value: datetime | str) -> datetime:
    """JSON carries times as ISO 8601."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)

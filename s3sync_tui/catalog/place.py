"""Where a database is, as far as its address tells."""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

# Supabase's poolers and RDS name their region:
# https://supabase.com/docs/guides/database/connecting-to-postgres
_REGION = re.compile(
    r"^(?:aws-\d+-([a-z0-9-]+)\.pooler\.supabase\.com"
    r"|.+\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?)$"
)


def region_of(conninfo: str) -> str | None:
    """The AWS region in the host's name."""
    try:
        host = str(conninfo_to_dict(conninfo).get("host") or "")
    except (psycopg.Error, UnicodeError):
        return None
    found = _REGION.match(host.split(",")[0].lower())
    return (found[1] or found[2]) if found else None

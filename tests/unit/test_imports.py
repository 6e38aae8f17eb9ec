"""What must not be loaded before the dashboard's first paint."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ["boto3", "botocore", "supabase", "postgrest", "psycopg", "httpx", "lxml", "plotext"]


def test_the_dashboard_loads_no_client_of_bucket_or_catalog_before_it_needs_one() -> None:
    code = "import sys, s3sync_tui.cli.commands, s3sync_tui.tui.app; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert [name for name in HEAVY if name in loaded] == []

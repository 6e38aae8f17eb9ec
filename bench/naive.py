"""The baseline: what a user would write with boto3 and supabase-py. Prints JSON.

    python bench/naive.py ENDPOINT PROJECT_URL KEY

Lists with the paginator, asks with ``in_()`` by 100 (200 such keys make a URL of 12 kB, which
is refused) which keys are there, upserts the rest by 1,000, one after another.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import boto3
from measuring import BUCKET
from postgrest.types import ReturnMethod
from supabase import create_client

_ASKED_AT_ONCE = 100


def naive_sync(bucket: str, endpoint: str, url: str, key: str) -> tuple[int, int]:
    """Sync; returns how many keys were listed and how many inserted."""
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    supabase = create_client(url, key)
    total = added = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        objects: list[Any] = page.get("Contents", [])
        total += len(objects)
        known: set[str] = set()
        for i in range(0, len(objects), _ASKED_AT_ONCE):
            keys = [entry["Key"] for entry in objects[i : i + _ASKED_AT_ONCE]]
            found = supabase.table("images").select("filename").in_("filename", keys).execute()
            known.update(row["filename"] for row in found.data)  # type: ignore[call-overload, index, misc]
        rows = [
            {
                "filename": entry["Key"],
                "size_bytes": entry["Size"],
                "etag": entry["ETag"].strip('"'),
                "last_modified": entry["LastModified"].isoformat(),
            }
            for entry in objects
            if entry["Key"] not in known
        ]
        if rows:
            supabase.table("images").upsert(
                rows,
                on_conflict="filename",
                ignore_duplicates=True,
                returning=ReturnMethod.minimal,
            ).execute()
            added += len(rows)
    return total, added


def main() -> None:
    """Measure, and print."""
    began = time.perf_counter()
    total, added = naive_sync(BUCKET, *sys.argv[1:4])
    print(json.dumps({"keys": total, "added": added, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()

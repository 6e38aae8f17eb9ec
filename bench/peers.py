"""Other listers: how each is run at its fastest, and that each has seen every key.

boto3 and obstore are libraries: the clock starts after their import, as for ours. s5cmd,
rclone and the AWS command line are commands: the clock covers all of the process, and their
output goes to a file, whose lines are counted after.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import BUCKET, ENVIRON, child

Lister = Callable[[str], tuple[float, int]]
"""Lists the bucket at an endpoint; gives the seconds and the keys."""


def library(name: str) -> Lister:
    """A Python library, in a process of its own."""

    def run(endpoint: str) -> tuple[float, int]:
        found = child("peers.py", name, endpoint)
        return found["seconds"], found["keys"]

    return run


def program(arguments: Callable[[str], list[str]]) -> Lister:
    """A command beside this Python."""

    def run(endpoint: str) -> tuple[float, int]:
        first, *rest = arguments(endpoint)
        command = [str(Path(sys.executable).with_name(first)), *rest]
        environ = ENVIRON | {
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": endpoint,
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_LIST_VERSION": "2",
        }
        with tempfile.TemporaryFile() as output:
            began = time.perf_counter()
            subprocess.run(command, env=environ, stdout=output, check=True, cwd="/")
            seconds = time.perf_counter() - began
            output.seek(0)
            return seconds, sum(line.count(b"\t") + 1 for line in output if b".jpg" in line)

    return run


LISTERS: dict[str, Lister] = {
    "s5cmd": program(lambda e: ["s5cmd", "--endpoint-url", e, "ls", f"s3://{BUCKET}/*"]),
    "rclone": program(lambda _: ["rclone", "lsf", "-R", "--files-only", "--fast-list",
                                 f":s3:{BUCKET}"]),
    "obstore": library("obstore"),
    "obstore, Arrow": library("obstore-arrow"),
}  # fmt: skip
"""Those fast enough for all keys."""

SLOW_LISTERS: dict[str, Lister] = {
    "boto3's paginator": library("boto3"),
    "aws s3api": program(lambda e: ["aws", "--endpoint-url", e, "s3api", "list-objects-v2",
                                    "--bucket", BUCKET, "--query", "Contents[].Key",
                                    "--output", "text"]),
}  # fmt: skip


def versions() -> list[str]:
    """The commands' versions, in their own words."""
    return [
        _said("s5cmd", "version").split("-")[0],
        _said("rclone", "version").split("\n")[0],
        _said("aws", "--version").split(" ")[0],
    ]


def _said(name: str, question: str) -> str:
    said = subprocess.run(
        [Path(sys.executable).with_name(name), question],
        env=ENVIRON | {"RCLONE_CONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return said if said.startswith(name) else f"{name} {said}"


def _boto3() -> Callable[[str], int]:
    import boto3

    def count(endpoint: str) -> int:
        pages = boto3.client("s3", endpoint_url=endpoint).get_paginator("list_objects_v2")
        return sum(len(page.get("Contents", [])) for page in pages.paginate(Bucket=BUCKET))

    return count


def _obstore(*, arrow: bool) -> Callable[[str], int]:
    import obstore
    from obstore.store import S3Store

    def count(endpoint: str) -> int:
        store = S3Store(
            BUCKET,
            endpoint=endpoint,
            region="us-east-1",
            access_key_id="bench",
            secret_access_key="bench",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        if arrow:
            batches = obstore.list(store, chunk_size=1000, return_arrow=True)
            return sum(batch.num_rows for batch in batches)
        return sum(len(chunk) for chunk in obstore.list(store, chunk_size=1000))

    return count


def main() -> None:
    """List with one of the libraries, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=["boto3", "obstore", "obstore-arrow"])
    parser.add_argument("endpoint")
    given = parser.parse_args()
    count = (
        _boto3() if given.library == "boto3" else _obstore(arrow=given.library == "obstore-arrow")
    )
    began = time.perf_counter()
    found = count(given.endpoint)
    print(json.dumps({"keys": found, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()

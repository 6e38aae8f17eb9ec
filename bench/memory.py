"""Peak memory of ``s3sync-tui --once`` for buckets of different sizes.

    python bench/memory.py --keys 200000 2000000

Lists from the stub into a new table of an embedded Postgres in a temporary directory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from s3sync_tui.catalog.embedded import EmbeddedPostgres

_STUB = Path(__file__).with_name("listing_stub.py")


def measure(keys: int, data: Path) -> tuple[float, float]:
    """Peak memory in MB and seconds of a first sync of ``keys`` keys."""
    stub = subprocess.Popen(
        [sys.executable, str(_STUB), f"--keys={keys}"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert stub.stdout is not None
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{stub.stdout.readline().strip()}",
            "S3SYNC_BUCKET": "stub-bucket",
            "S3SYNC_DATA_DIR": str(data),
            "S3SYNC_TABLE": f"keys_{keys}",
        }
        began = time.monotonic()
        sync = subprocess.Popen([sys.executable, "-m", "s3sync_tui", "--once"], env=environ)
        _, status, usage = os.wait4(sync.pid, 0)
        if status != 0:
            raise SystemExit(f"the sync failed: {status}")
        return usage.ru_maxrss / 1024, time.monotonic() - began
    finally:
        stub.kill()
        stub.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=[200_000, 2_000_000])
    sizes = parser.parse_args().keys
    with tempfile.TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "data"):
        peaks = [measure(keys, Path(directory) / "data") for keys in sizes]
    for keys, (peak, seconds) in zip(sizes, peaks, strict=True):
        print(f"{keys:>10,} keys  {peak:6.1f} MB peak  {seconds:6.1f} s")
    print(f"largest / smallest: {max(p for p, _ in peaks) / min(p for p, _ in peaks):.3f}")


if __name__ == "__main__":
    main()

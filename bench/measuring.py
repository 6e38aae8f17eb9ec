"""What every section uses: the stub in its process, children that answer in JSON, medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from layouts import now

BUCKET = "bench-bucket"
HERE = Path(__file__).parent

_KEPT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("AWS_", "S3SYNC_", "SUPABASE_", "DATABASE_", "PG", "RCLONE_"))
}
ENVIRON = _KEPT | {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "S3SYNC_BUCKET": BUCKET,
}


@dataclass(frozen=True)
class Plan:
    """How much to measure, and where."""

    keys: int
    many: int
    rounds: int
    directory: Path
    end: datetime = field(default_factory=now)
    """When the newest object came."""

    @property
    def few(self) -> int:
        """For sides so slow that a tenth has to do; they are given by rates."""
        return max(1000, self.keys // 10)

    @property
    def fewest(self) -> int:
        """For the naive loop."""
        return max(1000, self.keys // 50)

    def say(self, text: str) -> None:
        """Tell whoever waits."""
        print(f"  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Stub:
    """A running ``fast_stub.py``."""

    endpoint: str
    process: int

    def counts(self) -> dict[str, float]:
        """LIST requests, and CPU seconds of its process, so far."""
        with urllib.request.urlopen(f"{self.endpoint}/_counts", timeout=60) as answer:
            counts: dict[str, float] = json.load(answer)
        return counts

    def grow(self) -> None:
        """Show what it withholds."""
        request = urllib.request.Request(f"{self.endpoint}/_grow", method="POST")
        urllib.request.urlopen(request, timeout=600).close()


@contextmanager
def stub(plan: Plan, keys: int, layout: str = "camera", **flags: float) -> Iterator[Stub]:
    """A bucket of ``keys`` objects, listed by a process of its own."""
    command = [sys.executable, str(HERE / "fast_stub.py"), f"--keys={keys}", f"--layout={layout}"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    command.append(f"--end={plan.end.isoformat()}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Stub(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
        finally:
            process.terminate()


def child(script: str, *arguments: str, **environ: str) -> Any:
    """What a script of ours prints, in a process of its own."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(
        command, env=ENVIRON | environ, stdout=subprocess.PIPE, text=True, cwd="/", check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def our_listing(endpoint: str, *, concurrency: int = 64, cuts: Path | None = None) -> Any:
    """List with our own source and lister, in a process of its own."""
    arguments = [f"--concurrency={concurrency}", *([f"--cuts={cuts}"] if cuts else [])]
    return child("ours.py", "list", *arguments, AWS_ENDPOINT_URL_S3=endpoint)


@dataclass(frozen=True)
class Usage:
    """What one run of the command took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    """Of its largest process."""
    out: str

    @property
    def document(self) -> dict[str, Any]:
        """What ``--json`` printed."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def command(*arguments: str, **environ: str) -> Usage:
    """Run ``s3sync-tui`` as a user does."""
    script = Path(sys.executable).with_name("s3sync-tui")
    return Usage(**child("spawned.py", str(script), *arguments, **environ))


class Rounds:
    """Seconds by side, one after another within a round."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.seconds: dict[str, list[float]] = {}

    def take(self, side: str, keys: int, run: Callable[[], tuple[float, int]]) -> None:
        """Note what ``run`` took; it gives the seconds and the keys, which must be ``keys``."""
        seconds, found = run()
        if found != keys:
            raise SystemExit(f"{side}: {found:,} keys, not {keys:,}")
        self.seconds.setdefault(side, []).append(seconds)
        self._plan.say(f"{side:<34} {seconds:8.2f} s  {keys / seconds:>11,.0f} keys/s")

    def median(self, side: str) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds[side])

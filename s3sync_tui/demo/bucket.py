"""The demo's bucket: moto's S3 server in a process of its own, growing while it is watched."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from s3sync_tui.demo import BUCKET, IMAGES, PER_HOUR
from s3sync_tui.demo.cameras import Cameras, key_of
from s3sync_tui.errors import S3SyncError, SettingsError

_REGION = "us-east-1"
_ACCOUNT = "123456789012"  # moto's own
_ARRIVAL_SECONDS = 0.5


@contextmanager
def growing_bucket(*, images: int, per_hour: float) -> Iterator[str]:
    """A bucket with ``images`` in it, to which ``per_hour`` more come; gives its endpoint.

    Raises :class:`~s3sync_tui.errors.SettingsError` where moto is not installed.
    """
    if find_spec("moto") is None:
        raise SettingsError(
            "The demo needs moto's S3 server, which is not installed.",
            hint="Install it with: pip install 's3sync-tui[demo]'",
        )
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", __name__, "--images", str(images), "--per-hour", str(per_hour)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; it ends when its input does, so when we die
    )
    try:
        endpoint = server.stdout.readline().strip() if server.stdout else ""
        if not endpoint:
            raise S3SyncError(
                "The demo's bucket did not start.", hint=f"Look why with: python -m {__name__}"
            )
        yield endpoint
    finally:
        server.kill()  # it holds nothing that is worth an orderly end
        server.communicate()


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--per-hour", type=float, default=PER_HOUR)
    arguments = parser.parse_args()

    from moto.server import ThreadedMotoServer

    bucket = _Bucket(Cameras(arguments.images, arguments.per_hour, datetime.now(UTC)))
    bucket.fill()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    threading.Thread(target=bucket.grow, daemon=True).start()
    host, port = server.get_host_and_port()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


class _Bucket:
    """Puts images into moto's memory; through HTTP it would take a minute."""

    def __init__(self, cameras: Cameras) -> None:
        from moto.s3.models import s3_backends

        self._backend: Any = s3_backends[_ACCOUNT]["aws"]
        self._backend.create_bucket(BUCKET, _REGION)
        self._cameras = cameras
        self._count = 0

    def fill(self) -> None:
        """Put what is there by now."""
        while self._count < self._cameras.count(datetime.now(UTC)):
            at = self._cameras.taken_at(self._count)
            body = self._count.to_bytes(4, "big") * (8 + self._count * 7919 % 57)
            stored = self._backend.put_object(BUCKET, key_of(self._count, at), body)
            stored.last_modified = at.replace(tzinfo=None)
            self._count += 1

    def grow(self) -> None:
        """Put what is due, for ever."""
        while True:
            time.sleep(_ARRIVAL_SECONDS)
            self.fill()


if __name__ == "__main__":
    main()

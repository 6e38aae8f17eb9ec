"""A command in a terminal of its own, and every byte that it writes there."""

from __future__ import annotations

import fcntl
import math
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

_TYPED_AGAIN_SECONDS = 2.0


def typed(
    command: Sequence[str],
    environ: Mapping[str, str],
    steps: Sequence[tuple[str, str]],
    *,
    size: tuple[int, int] = (140, 44),
    patience_seconds: float = 60.0,
) -> bytes:
    """Run ``command``; each step waits until a text is written and then types another one, once
    more where the next step's text is long in coming: what is typed before a screen is ready may
    be for nothing. All that was written until it ended."""
    main, side = pty.openpty()
    columns, lines = size
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env=dict(environ), start_new_session=True
    )
    os.close(side)
    written, begin, left = b"", 0, list(steps)
    latest, again = "", 0.0
    deadline = time.monotonic() + patience_seconds
    try:
        while time.monotonic() < deadline:
            if left and left[0][0].encode() in written[begin:]:
                begin = len(written)
                latest = left.pop(0)[1]
                again = 0.0
            if latest and time.monotonic() >= again:
                os.write(main, latest.encode())
                again = time.monotonic() + _TYPED_AGAIN_SECONDS if left else math.inf
            if not select.select([main], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(main, 65536)
            except OSError:  # EIO: it has ended
                piece = b""
            if not piece:
                break
            written += piece
        assert not left, f"{left[0][0]!r} was never written: {written[-2000:]!r}"
        return written
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(main)

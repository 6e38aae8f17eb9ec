"""A command in a terminal of its own, and every byte that it writes there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence


def typed(
    command: Sequence[str],
    environ: Mapping[str, str],
    steps: Sequence[tuple[str, str]],
    *,
    size: tuple[int, int] = (140, 44),
    patience_seconds: float = 60.0,
) -> bytes:
    """Run ``command``; each step waits until a text is written and then types another one.
    All that was written until it ended."""
    main, side = pty.openpty()
    columns, lines = size
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env=dict(environ), start_new_session=True
    )
    os.close(side)
    written, begin, left = b"", 0, list(steps)
    deadline = time.monotonic() + patience_seconds
    try:
        while time.monotonic() < deadline:
            if left and left[0][0].encode() in written[begin:]:
                begin = len(written)
                os.write(main, left.pop(0)[1].encode())
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

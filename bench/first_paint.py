"""From the shell's prompt to the dashboard's first paint, and the CPU time until then.

    python bench/first_paint.py --rounds 10

Starts ``s3sync-tui`` in a pseudo-terminal as a shell does, with a catalog and a bucket
that accept connections and never answer, and waits for the first output with the
header's words. Prints the median, and each round.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "first-paint-bucket"
SIZE = (50, 160)
LONGEST_SECONDS = 30


@contextmanager
def silence() -> Iterator[int]:
    """A port at which everybody is let in, and nobody is answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield int(server.getsockname()[1])


def first_paint(command: list[str], environ: dict[str, str], directory: str) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads, until the header shows."""
    began = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        os.chdir(directory)
        os.execvpe(command[0], command, environ)
    try:
        shown = b""
        while BUCKET.encode() not in shown:
            left = began + LONGEST_SECONDS - time.perf_counter()
            if left <= 0 or not select.select([terminal], [], [], left)[0]:
                raise SystemExit(f"no header within {LONGEST_SECONDS} s: {shown[-500:]!r}")
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # how a pseudo-terminal says that the other end is shut
                raise SystemExit(f"it has ended: {shown.decode(errors='replace')}") from None
        return time.perf_counter() - began, _cpu_seconds(process)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--python", action="store_true", help="python -m s3sync_tui instead")
    arguments = parser.parse_args()
    script = shutil.which("s3sync-tui", path=str(Path(sys.executable).parent))
    command = [sys.executable, "-m", "s3sync_tui"] if arguments.python or not script else [script]
    with silence() as port, tempfile.TemporaryDirectory() as directory:
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "DATABASE_URL": f"postgresql://u:p@127.0.0.1:{port}/db",
            "S3SYNC_BUCKET": BUCKET,
        }
        first_paint(command, environ, directory)  # fills the disk's cache
        rounds = [first_paint(command, environ, directory) for _ in range(arguments.rounds)]
    print("each: " + "  ".join(f"{wall:.2f} ({cpu:.2f})" for wall, cpu in rounds))
    walls, cpus = zip(*rounds, strict=True)
    print(f"median {statistics.median(walls):.2f} s, CPU {statistics.median(cpus):.2f} s, "
          f"fastest {min(walls):.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()

"""Runs a command, and prints what it took, as JSON.

In a process of its own and a small one: Linux counts the memory of whoever starts a program
as the program's own peak, until that is larger.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def main() -> None:
    """Run the arguments."""
    began = time.perf_counter()
    done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=False)
    wall_seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"it ended with {done.returncode}: {done.stdout}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "wall_seconds": wall_seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "out": done.stdout,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How far a piece of work drives this process's memory up, whatever happened before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


class Peak:
    """What was measured, once it is over."""

    mib = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Resident memory at its highest, beyond what it was at the beginning."""
    peak = Peak()
    # https://www.kernel.org/doc/html/latest/filesystems/proc.html: 5 resets the high-water mark
    Path("/proc/self/clear_refs").write_text("5")
    before = _kib("VmRSS")
    yield peak
    peak.mib = max(0, _kib("VmHWM") - before) / 1024


def _kib(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])

"""A Python whose clock is wrong, for commands in other processes."""

from __future__ import annotations

import os
from pathlib import Path

# Read at the start of every Python: https://docs.python.org/3/library/site.html
_SITECUSTOMIZE = """
import datetime, time

_off = {seconds}
_time, _time_ns, _real = time.time, time.time_ns, datetime.datetime
time.time = lambda: _time() + _off
time.time_ns = lambda: _time_ns() + _off * 10**9


class _AsReal(type):
    def __instancecheck__(cls, each):
        return isinstance(each, _real)


class _Skewed(_real, metaclass=_AsReal):
    @classmethod
    def now(cls, tz=None):
        return _real.now(tz) + datetime.timedelta(seconds=_off)

    @classmethod
    def utcnow(cls):
        return _real.utcnow() + datetime.timedelta(seconds=_off)


datetime.datetime = _Skewed
"""


def skewed(directory: Path, seconds: int) -> dict[str, str]:
    """Variables that set the clock of a Python that is started with them; ``directory`` is a
    place for what does it."""
    place = directory / f"clock{seconds:+d}"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(seconds=seconds))
    others = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{place}:{others}" if others else str(place)}

"""How much the fault suite does: a sample in every run of the tests, all by ``make faults``."""

from __future__ import annotations

import os

IS_WHOLE = os.environ.get("S3SYNC_TEST_FAULTS") == "whole"


def sampled(few: int, whole: int) -> int:
    """``few``, or ``whole`` by ``make faults``."""
    return whole if IS_WHOLE else few

"""``--full``, ``--delta`` and ``auto``, as cron and people use them."""

from __future__ import annotations

import pytest

from tests.support.bucket import MotoBucket
from tests.support.command import Command


@pytest.fixture
def filled(synced: Command, bucket: MotoBucket) -> Command:
    bucket.put(f"cam-{c}/2026/11/24/{n:04}.jpg" for c in range(3) for n in range(50))
    return synced


def test_a_first_delta_runs_full_and_says_why(filled: Command) -> None:
    first = filled.run("--once", "--delta", "--json")
    assert (first.code, first.document["added"], first.document["mode"]) == (0, 150, "full")
    assert first.document["mode_reason"] == "no full run has succeeded yet"
    again = filled.run("--once")
    assert again.out.splitlines()[:2] == ["Starting S3 sync...", "Found 150 images in S3"]
    assert again.err == "Full run: no part of the bucket keeps the order of time.\n"
    asked = filled.run("--once", "--full")
    assert asked.err == "Full run: as asked.\n"


@pytest.mark.parametrize(
    "flags", [("--full", "--delta"), ("--full", "--mode", "delta"), ("--delta", "--mode", "auto")]
)
def test_modes_that_contradict_each_other_are_refused(
    synced: Command, flags: tuple[str, ...]
) -> None:
    refused = synced.run("--once", *flags)
    assert refused.code == 2
    assert "Of --full, --delta and --mode only one can hold." in refused.err


def test_a_mode_by_variable_is_outranked_by_its_flags(filled: Command) -> None:
    filled.environ["S3SYNC_MODE"] = "delta"
    assert filled.run("--once", "--full", "--json").document["mode_reason"] == "as asked"

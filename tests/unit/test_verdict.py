"""How things stand, told from what was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from s3sync_tui.errors import CatalogUnreachable, S3SyncError, SchemaError
from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.insight.health import Health
from s3sync_tui.model import RunStatus
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.verdict import state_of, state_of_error
from tests.support.made_up import NOW, run

SECOND = timedelta(seconds=1)


def health(name: str, status: CheckStatus, at: timedelta = timedelta()) -> Health:
    return Health(NOW + at, [Check(name, "Title", status, "measured", "why", "do this")])


def test_without_a_run_nothing_was_ever_synced() -> None:
    assert state_of([], None, NOW).standing is Standing.NEVER_RUN


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (RunStatus.SUCCEEDED, Standing.IN_SYNC),
        (RunStatus.CANCELLED, Standing.CANCELLED),
        (RunStatus.FAILED, Standing.FAILED),
        (RunStatus.INTERRUPTED, Standing.FAILED),
    ],
)
def test_the_last_run_tells(status: RunStatus, standing: Standing) -> None:
    last = run(2, status=status)
    state = state_of([last, run(1)], None, NOW)
    assert (state.standing, state.run, state.at) == (standing, last, last.finished_at)


def test_who_keeps_the_heart_beating_is_syncing_and_who_went_silent_is_dead() -> None:
    theirs = replace(run(2, status=RunStatus.RUNNING), heartbeat_at=NOW - 5 * SECOND)
    assert state_of([theirs], None, NOW).standing is Standing.OTHER_HOST
    silent = replace(theirs, heartbeat_at=NOW - 100 * SECOND)
    state = state_of([silent], None, NOW)
    assert state.standing is Standing.FAILED
    assert "has gone silent" in state.error
    assert "Sync again" in state.hint


def test_a_bucket_that_health_cannot_list_outranks_how_the_last_run_ended() -> None:
    for runs in ([], [run(1)], [run(1, status=RunStatus.FAILED)]):
        state = state_of(runs, health("bucket", CheckStatus.FAIL), NOW + 3 * SECOND)
        assert state.standing is Standing.BUCKET_UNREACHABLE
        assert (state.error, state.hint) == ("measured", "do this")
        assert state.retry_at == NOW + 10 * SECOND


def test_what_health_found_before_the_last_run_ended_is_no_news() -> None:
    last = run(1)
    assert last.finished_at is not None
    old = health("bucket", CheckStatus.FAIL, last.finished_at - NOW - SECOND)
    assert state_of([last], old, NOW).standing is Standing.IN_SYNC


def test_late_by_the_schedule_is_behind() -> None:
    for status in (CheckStatus.WARN, CheckStatus.FAIL):
        state = state_of([run(1)], health("schedule", status), NOW)
        assert (state.standing, state.hint) == (Standing.BEHIND, "do this")
    assert state_of([run(1)], health("schedule", CheckStatus.OK), NOW).standing is Standing.IN_SYNC


def test_errors_have_their_standing() -> None:
    lost = state_of_error(CatalogUnreachable("gone", hint="wait"), NOW)
    assert lost.standing is Standing.CATALOG_UNREACHABLE
    assert lost.retry_at == NOW + 10 * SECOND
    missing = state_of_error(SchemaError("no schema"), NOW)
    assert (missing.standing, missing.retry_at) == (Standing.SCHEMA_MISSING, None)
    assert state_of_error(S3SyncError("else"), NOW).standing is Standing.FAILED

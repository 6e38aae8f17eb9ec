"""Watching: when the next sync is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from s3sync_tui.tui.watch import Watch

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_it_is_off_until_switched_on() -> None:
    watch = Watch(300)
    watch.began(NOW)
    assert watch.next_run is None
    assert not watch.is_due(NOW + timedelta(days=1))


def test_the_next_run_is_due_so_long_after_the_last_one_began() -> None:
    watch = Watch(300)
    assert watch.switch(NOW, NOW - 2 * MINUTE)
    assert watch.next_run == NOW + 3 * MINUTE
    assert not watch.is_due(NOW + 2.9 * MINUTE)
    assert watch.is_due(NOW + 3 * MINUTE)


def test_what_is_overdue_is_due_at_once() -> None:
    watch = Watch(300)
    watch.switch(NOW, NOW - timedelta(days=1))
    assert watch.is_due(NOW)


def test_a_bucket_never_synced_is_due_at_once() -> None:
    watch = Watch(None)
    watch.switch(NOW, None)
    assert watch.is_due(NOW)


def test_a_run_of_whomever_puts_the_next_one_off() -> None:
    watch = Watch(300)
    watch.switch(NOW, None)
    watch.began(NOW + MINUTE)
    assert watch.next_run == NOW + 6 * MINUTE
    watch.began(NOW - MINUTE)  # an older one does not bring it nearer
    assert watch.next_run == NOW + 6 * MINUTE


def test_switched_off_and_on_again_it_counts_anew() -> None:
    watch = Watch(300)
    watch.switch(NOW, None)
    assert not watch.switch(NOW, None)
    assert watch.next_run is None
    assert watch.switch(NOW, NOW - MINUTE)
    assert watch.next_run == NOW + 4 * MINUTE

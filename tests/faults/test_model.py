"""A bucket in use, and a table that follows it through all that can happen to a process, its
connections, its clock and its messages: after every full run the table is the bucket.

A machine of hypothesis plays it against a real Postgres, also through a real PostgREST. What
must hold is in :mod:`tests.faults.model_world`; the rules are what may happen, in any order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from tests.faults.model_world import World
from tests.support.database import Connection
from tests.support.hostile_bucket import KEYS
from tests.support.mortal import End, Fate, MortalPostgres, MortalSupabase
from tests.support.sampling import IS_WHOLE, sampled
from tests.support.supabase_stack import SupabaseStack

KEY = st.sampled_from(KEYS)
CALL = st.integers(1, 20)
"""Of the catalog's functions, within a run: a run that has something to do makes about so many."""
PICKS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)
STEP_SECONDS = 120

MakeCatalog = Callable[[Fate | None], Catalog]


class Machine(RuleBasedStateMachine):
    """What may happen."""

    make: ClassVar[MakeCatalog]
    database: ClassVar[Connection]
    tally: ClassVar[Counter[str]]
    """What has happened, and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(type(self).make, self.database, self.tally)
        self.do(self.world.open())

    def do(self, what: Awaitable[object]) -> None:
        self.loop.run_until_complete(asyncio.wait_for(what, STEP_SECONDS))

    def teardown(self) -> None:
        self.do(self.world.run_full())  # whatever has happened
        self.do(self.world.close())
        self.loop.close()

    @initialize(keys=st.lists(KEY, unique=True), has_run=st.booleans())
    def fill(self, keys: list[str], has_run: bool) -> None:
        self.world.fill(keys)
        if has_run:
            self.do(self.world.run_full())

    @rule(keys=st.lists(KEY, min_size=1, max_size=6))
    def put(self, keys: list[str]) -> None:
        for key in keys:
            self.world.bucket.put(key)

    @rule(camera=st.integers(0, 2), count=st.integers(1, 9))
    def shoot(self, camera: int, count: int) -> None:
        self.world.shoot(camera, count)

    @rule(picks=PICKS)
    def remove(self, picks: list[int]) -> None:
        self.world.remove(picks)

    @rule(picks=PICKS)
    def put_again(self, picks: list[int]) -> None:
        self.world.put_again(picks)

    @rule(picks=PICKS)
    def label(self, picks: list[int]) -> None:
        self.world.table.label(picks)

    @rule(picks=PICKS)
    def archive(self, picks: list[int]) -> None:
        self.world.table.archive(picks)

    @rule(hours=st.sampled_from([-30, -1, 0, 0.2, 400]))
    def clock_steps(self, hours: float) -> None:
        """Not between: S3 refuses requests of a clock that is 15 minutes off, and messages that
        far ahead are looked into, but old ones of such a clock cannot be told from new ones."""
        self.world.bucket.clock_offset_seconds = hours * 3600.0

    @rule(hours=st.sampled_from([1, 2, 30]))
    def hours_pass(self, hours: int) -> None:
        self.world.hours_pass(timedelta(hours=hours))

    @rule(picks=PICKS, twice=st.booleans())
    def deliver(self, picks: list[int], twice: bool) -> None:
        self.do(self.world.deliver(picks))
        if twice:
            self.do(self.world.deliver(picks[::-1]))

    @rule()
    def run_full(self) -> None:
        self.do(self.world.run_full())

    @rule(mode=st.sampled_from(["auto", "delta"]))
    def run(self, mode: str) -> None:
        self.do(self.world.run(mode))

    @rule(end=st.sampled_from([End.BEFORE, End.AFTER, End.AMIDST]), call=CALL)
    def process_dies(self, end: End, call: int) -> None:
        self.world.shoot(call % 3, call)
        self.do(self.world.run_and_die(end, call))

    @rule(call=CALL)
    def is_cancelled(self, call: int) -> None:
        self.world.shoot(call % 3, call)
        self.do(self.world.run_and_cancel(call))

    @rule(end=st.sampled_from([End.CUT, End.LOST]), call=CALL)
    def connections_die(self, end: End, call: int) -> None:
        self.world.shoot(call % 3, call)
        self.do(self.world.run_through_loss(end, call))

    @rule(call=CALL)
    def is_overtaken(self, call: int) -> None:
        self.world.shoot(call % 3, call)
        self.do(self.world.run_overtaken(call))

    @rule(picks=PICKS, call=CALL)
    def runs_beside_events(self, picks: list[int], call: int) -> None:
        self.world.shoot(call % 3, call)
        self.do(self.world.run_beside_events(picks, call))

    @invariant()
    def counts_are_true(self) -> None:
        self.world.table.check_counts()


def play(make: MakeCatalog, database: Connection, *, examples: int, steps: int) -> Counter[str]:
    """What has happened, and how often."""

    class Here(Machine):
        pass

    Here.make, Here.database, Here.tally = staticmethod(make), database, Counter()
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=not IS_WHOLE,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if IS_WHOLE else (Phase.generate,),
        ),
    )
    return Here.tally


@pytest.mark.timeout(3600)
def test_after_every_full_run_the_table_is_the_bucket(
    catalog_database: str, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    def make(fate: Fate | None) -> Catalog:
        if fate is None:
            return PostgresCatalog(catalog_database, table="images", description="model")
        return MortalPostgres(catalog_database, fate)

    tally = play(make, behind, examples=sampled(12, 300), steps=sampled(25, 30))
    for what, times in sorted(tally.items()):
        record_property(what, times)


@pytest.mark.timeout(3600)
def test_the_same_through_the_rest_api(
    supabase: SupabaseStack, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    def make(fate: Fate | None) -> Catalog:
        if fate is None:
            return SupabaseCatalog(supabase.url, supabase.secret_key, table="images")
        return MortalSupabase(supabase.url, supabase.secret_key, fate)

    tally = play(make, behind, examples=sampled(2, 40), steps=sampled(15, 30))
    for what, times in sorted(tally.items()):
        record_property(what, times)

"""Catalogs that die, lose their connections or fall asleep at one of their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any, cast

import httpx
import psycopg

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.errors import CatalogUnreachable
from s3sync_tui.model import Rows

Call = Callable[[], Awaitable[Any]]


class End(Enum):
    """What happens."""

    BEFORE = auto()
    """The process dies before the call."""
    AFTER = auto()
    """It dies after the server has committed."""
    AMIDST = auto()
    """It dies, and its connections with it, while the server is at work."""
    CUT = auto()
    """The connections die, but the process lives."""
    LOST = auto()
    """The server has committed, and the answer is lost."""
    SLEEP = auto()
    """The whole process stops, and goes on when it is woken."""
    CANCEL = auto()
    """It is told to stop."""


class Fate:
    """What happens to one process, at which of its calls."""

    loss: Exception
    """How a transport notices that an answer is lost."""

    def __init__(self, end: End, call: int, *, cut: Callable[[], None]) -> None:
        """``cut`` cuts connections."""
        self.is_reached = asyncio.Event()
        self.stop: Callable[[], object] = lambda: None
        """For :attr:`End.CANCEL`."""
        self.wake = asyncio.Event()
        self._end = end
        self._left = call
        self._cut = cut
        self._is_dead = False

    async def meet(self, call: Call) -> Any:
        """Make ``call``, as far as that comes to pass."""
        self._left -= 1
        if self._left == 0:
            return await self._reach(call)
        if self._end is End.SLEEP and self.is_reached.is_set():
            await self.wake.wait()
        self._live()
        return await call()

    async def _reach(self, call: Call) -> Any:
        self.is_reached.set()
        match self._end:
            case End.BEFORE:
                self._is_dead = True
            case End.AFTER:
                await call()
                self._is_dead = True
            case End.AMIDST:
                last = asyncio.gather(call(), return_exceptions=True)
                await asyncio.sleep(0.001)
                self._is_dead = True
                self._cut()
                await last
            case End.CUT:
                self._cut()
            case End.LOST:
                await call()
                raise self.loss
            case End.SLEEP:
                await self.wake.wait()
            case End.CANCEL:
                self.stop()
        self._live()
        return await call()

    def _live(self) -> None:
        if self._is_dead:
            raise CatalogUnreachable("The process is dead.", hint="Let it rest.")


class MortalPostgres(PostgresCatalog):
    """Over a Postgres connection."""

    def __init__(self, conninfo: str, fate: Fate) -> None:
        super().__init__(conninfo, table="images", description="mortal")
        self._fate = fate
        fate.loss = psycopg.OperationalError("the connection is lost")

    async def _execute(self, query: Any, values: list[object]) -> Any:
        execute = super()._execute
        return await self._fate.meet(lambda: execute(query, values))

    async def _load_once(self, run_id: int, batch: int, rows: Rows) -> int | None:
        load = super()._load_once
        added: int | None = await self._fate.meet(lambda: load(run_id, batch, rows))
        return added


class MortalSupabase(SupabaseCatalog):
    """Through the REST API."""

    def __init__(self, url: str, key: str, fate: Fate) -> None:
        super().__init__(url, key, table="images")
        fate.loss = httpx.ReadError("the connection is lost")
        call_once = self._rest._call_once

        async def meet(*arguments: Any) -> Any:
            return await fate.meet(lambda: call_once(*arguments))

        self._rest._call_once = cast(Any, meet)  # type: ignore[method-assign]

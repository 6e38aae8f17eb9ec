"""The engine in a process of its own, spoken to through pipes: the other end of
:mod:`s3sync_tui.tui.runner`.

It is told to run and to stop on stdin, whose end is its own: a dashboard that dies leaves
no run behind. On stdout it tells of events, ends and log records.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from s3sync_tui.engine.pipes import Inbox, Outlet, as_text
from s3sync_tui.errors import S3SyncError
from s3sync_tui.events import BatchInserted, Event, PhaseProgress, Sink
from s3sync_tui.model import ModeChoice, RunResult

if TYPE_CHECKING:  # the dashboard imports this module, and needs no more of it than the words
    from s3sync_tui.settings import Settings

TELL_SECONDS = 0.1
"""Between two messages: the screen needs no more of them."""

NICE = 10
"""Behind the screen, where there are too few processors for both."""

RECORDS_HELD = 200
"""Log records that wait to be told, at most; what comes on top is dropped."""


@dataclass(frozen=True, slots=True)
class Run:
    """The process is to sync."""

    mode: ModeChoice | None = None
    """None: as the settings have it."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The run is to stop."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first thing that the process is told."""

    settings: Settings
    log_level: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over; with neither field it was cancelled."""

    result: RunResult | None = None
    error: S3SyncError | None = None


Message = Event | Ended | logging.LogRecord


def main() -> None:
    """Serve until stdin ends."""
    faulthandler.enable()
    os.nice(NICE)
    told = Outlet()
    with suppress(BrokenPipeError):
        asyncio.run(_serve(told))


async def _serve(told: Outlet) -> None:
    commands = await Inbox.of_stdin()
    hello = await commands.take()
    if not isinstance(hello, Hello):
        return
    outbox = _Outbox(asyncio.get_running_loop())
    logging.basicConfig(level=hello.log_level, handlers=[_ToOutbox(outbox)], force=True)
    _load(hello.settings)
    teller = asyncio.create_task(_tell(outbox, told))
    run: asyncio.Task[Ended] | None = None
    try:
        while (command := await commands.take()) is not None:
            if isinstance(command, Run):
                run = asyncio.create_task(_run(hello.settings, command.mode, outbox.put))
                run.add_done_callback(lambda ended: outbox.put(_end_of(ended)))
            elif run is not None:
                run.cancel()
    finally:
        if run is not None:
            run.cancel()
            await asyncio.wait({run})
        outbox.close()
        await teller


def _load(settings: Settings) -> None:
    """What a run needs, before there is one."""
    transport = "supabase" if settings.catalog_kind == "supabase" else "postgres"
    for module in ("connect", "engine.sync", "source.s3", f"catalog.{transport}"):
        import_module(f"s3sync_tui.{module}")


async def _run(settings: Settings, mode: ModeChoice | None, sink: Sink) -> Ended:
    from s3sync_tui.connect import Opener, make_source, open_catalog, sync_options
    from s3sync_tui.engine.sync import sync
    from s3sync_tui.fault import fault_of_ours

    try:
        async with make_source(settings) as source, open_catalog(settings) as catalog:
            options = sync_options(settings, dry_run=False, mode=mode)
            opener = Opener(settings)
            return Ended(result=await sync(source, catalog, options, sink, opener=opener))
    except S3SyncError as error:
        return Ended(error=error)
    except Exception as fault:
        logging.getLogger(__name__).exception("The sync met a fault that nobody foresaw.")
        return Ended(error=fault_of_ours(fault))


def _end_of(run: asyncio.Task[Ended]) -> Ended:
    """Also of a run that was cancelled before its first step."""
    return Ended() if run.cancelled() else run.result()


async def _tell(outbox: _Outbox, told: Outlet) -> None:
    while waiting := await outbox.take():
        # In a thread: it waits where the other end does not read, and meanwhile more and
        # more of what there is to tell becomes stale and is replaced.
        await asyncio.to_thread(told.say, waiting)
        await asyncio.sleep(TELL_SECONDS)


class _Outbox:
    """What waits to be told, in order. Of what is cumulative, the newest word only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[object, Message] = {}
        self._records = 0
        self._lock = threading.Lock()
        self._some = asyncio.Event()
        self._is_closed = False

    def put(self, message: Message) -> None:
        """From any thread."""
        with self._lock:
            if isinstance(message, logging.LogRecord):
                self._records += 1
                if self._records > RECORDS_HELD:
                    return
            topic = _topic(message)
            self._waiting.pop(topic, None)
            self._waiting[topic] = message
        self._loop.call_soon_threadsafe(self._some.set)

    def close(self) -> None:
        """Nothing more will be put."""
        self._is_closed = True
        self._some.set()

    async def take(self) -> list[Message]:
        """All of it; waits until there is some. Empty once it is closed and used up."""
        while not self._waiting and not self._is_closed:
            self._some.clear()
            await self._some.wait()
        with self._lock:
            taken, self._waiting, self._records = list(self._waiting.values()), {}, 0
            return taken


def _topic(message: Message) -> object:
    match message:
        case PhaseProgress():
            return message.phase
        case BatchInserted():
            return BatchInserted
        case _:
            return object()


class _ToOutbox(logging.Handler):
    def __init__(self, outbox: _Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        self._outbox.put(as_text(record))

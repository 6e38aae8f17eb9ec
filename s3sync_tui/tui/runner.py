"""A sync away from the screen: started, listened to and stopped in a process of its own.

Measured against a thread of this process (bench/RESULTS.md, "Key to paint"): there the
engine's Python takes turns with the screen's, and a key waits for many of them.
"""

from __future__ import annotations

import asyncio
import logging
from tempfile import TemporaryFile
from typing import IO, cast

from s3sync_tui.engine.pipes import Child, log_again
from s3sync_tui.errors import S3SyncError
from s3sync_tui.events import Sink
from s3sync_tui.model import ModeChoice, RunResult
from s3sync_tui.settings import Settings
from s3sync_tui.tui.engine_process import Cancel, Ended, Hello, Message, Run

STOP_SECONDS = 5.0
"""For a cancelled run, and for the process to end; both are killed after that."""

_TAIL_BYTES = 4000

log = logging.getLogger(__name__)


class Runner:
    """Runs syncs of ``settings``, one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: _Engine | None = None
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """Start the process ahead of the first run. What goes wrong with it, that run says."""
        async with self._turn:
            await self._started()

    async def run(self, sink: Sink, mode: ModeChoice | None = None) -> RunResult:
        """One sync, in ``mode`` or as the settings have it; ``sink`` hears of it here, in
        order, ten times a second at most.

        Raises what :func:`~s3sync_tui.engine.sync.sync` and
        :func:`~s3sync_tui.connect.open_catalog` raise, and
        :class:`~s3sync_tui.errors.S3SyncError` for a fault that nobody foresaw, whose
        traceback is logged. When cancelled, the run ends as cancelled before this does.
        """
        async with self._turn:
            engine = await self._started()
            try:
                ended = await engine.run(sink, mode)
            except (EOFError, ConnectionError):
                self._engine = None
                raise await engine.epitaph() from None
            finally:
                if engine.has_ended:
                    self._engine = None
        if ended.error is not None:
            raise ended.error
        if ended.result is None:  # cancelled, but not by us
            raise asyncio.CancelledError
        return ended.result

    async def close(self) -> None:
        """End the process, and with it a run that is under way, as cancelled."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def _started(self) -> _Engine:
        if self._engine is None or self._engine.has_ended:
            self._engine = await _Engine.start(self._settings)
        return self._engine


class _Engine:
    """The process."""

    def __init__(self, child: Child, errors: IO[bytes]) -> None:
        self._child = child
        self._errors = errors
        """What it says on stderr: nothing, unless it dies of it."""

    @classmethod
    async def start(cls, settings: Settings) -> _Engine:
        """Start it, and tell it all it needs through its stdin."""
        errors = TemporaryFile()  # noqa: SIM115  # as long as the process
        child = await Child.start("s3sync_tui.tui.engine_process", errors=errors)
        child.tell(Hello(settings, logging.getLogger().getEffectiveLevel()))
        return cls(child, errors)

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._child.has_ended

    async def run(self, sink: Sink, mode: ModeChoice | None) -> Ended:
        """One run. Raises EOFError and ConnectionError where the process ends before it."""
        self._child.tell(Run(mode))
        try:
            return await self._listen(sink)
        except asyncio.CancelledError:
            await self._stop(sink)
            raise
        except (EOFError, ConnectionError):
            raise
        except Exception:  # the sink's
            await self._stop(lambda _: None)
            raise

    async def close(self) -> None:
        """End it: it stops a run that is under way, and goes when its stdin is shut."""
        try:
            if not await self._child.end(STOP_SECONDS):
                log.warning("The sync's process did not end in time: it is killed.")
        finally:
            self._errors.close()

    async def epitaph(self) -> S3SyncError:
        """What to say of its unforeseen end."""
        how = await self._child.fate()
        said = ""
        if not self._errors.closed:
            self._errors.seek(-min(_TAIL_BYTES, self._errors.seek(0, 2)), 2)
            said = self._errors.read().decode(errors="replace")
            self._errors.close()
        log.error("The sync's process ended: %s.\n%s", how, said)
        return S3SyncError(
            f"The sync's process ended before the sync did: {how}.",
            hint="Nothing is lost: the next run goes on from here. The log says more.",
        )

    async def _listen(self, sink: Sink) -> Ended:
        """Hand on what the process tells, until the run has ended."""
        while True:
            messages = await self._child.hear()
            if messages is None:
                raise EOFError
            for message in cast("list[Message]", messages):
                if isinstance(message, Ended):
                    return message
                if isinstance(message, logging.LogRecord):
                    log_again(message)
                else:
                    sink(message)

    async def _stop(self, sink: Sink) -> None:
        """Cancel the run, and wait until it has left all in order; a second cancellation, or
        too long a wait, kills it: then the next run says that it was interrupted."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                self._child.tell(Cancel())
                await self._listen(sink)
        except (TimeoutError, EOFError, ConnectionError):
            log.warning("The sync did not stop in time: its process is ended.")
            self._child.kill()
            await self._child.fate()
        except BaseException:
            self._child.kill()
            raise

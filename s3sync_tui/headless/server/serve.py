"""The server from its first listening to its clean end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Coroutine, Iterator
from ipaddress import ip_address
from typing import Any

import uvicorn

from s3sync_tui.connect import no_bucket
from s3sync_tui.engine.received import Received
from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.receiving import keep_receiving
from s3sync_tui.headless.schedule import Schedule
from s3sync_tui.headless.server.app import Site
from s3sync_tui.headless.server.guard import token_of
from s3sync_tui.headless.server.parameters import MOST_HEAD_BYTES
from s3sync_tui.headless.server.protocol import PatientProtocol
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.headless.systemd import Systemd
from s3sync_tui.headless.watch import keep_syncing
from s3sync_tui.settings import Settings

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 256
KEEP_ALIVE_SECONDS = 65
"""Longer than proxies keep theirs (nginx: 60), or one would send into a closing door."""
LAST_ANSWERS_SECONDS = 5
_BACKLOG = 128


async def serve(settings: Settings) -> None:
    """Serve until cancelled; then take no more, end the run under way as cancelled, answer
    whoever waits, and return.

    Raises :class:`~s3sync_tui.errors.SettingsError` where that cannot be.
    """
    if settings.bucket is None:
        raise no_bucket()
    token = token_of(settings)
    sockets = await listen(settings.listen, only_here=token is None)
    systemd = Systemd(os.environ)
    with contextlib.ExitStack() as bound:
        for each in sockets:
            bound.callback(each.close)
        async with Syncs(settings) as syncs:
            site = Site(syncs, token)
            server = _Server(_config(site))
            serving = asyncio.create_task(server.serve(sockets=sockets))
            tasks = {serving, *_background(syncs, site, systemd)}
            systemd.ready()
            address = "http://{}:{}".format(*_shown(sockets[0]))
            log.info("Serving at %s%s", address, "" if token else ", this machine only: no token")
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                systemd.stopping()
                site.attempts.is_stopping = True
                server.listen_no_more()
                await asyncio.gather(_stop(tasks - {serving}), syncs.cancel())
                site.stream.close()
                server.should_exit = True
                await asyncio.wait({serving})
                await site.readings.close()
            for task in done:
                task.result()


async def listen(address: str, *, only_here: bool) -> list[socket.socket]:
    """Sockets bound to ``host:port``; ``only_here`` where nobody from outside may get in.

    Raises :class:`~s3sync_tui.errors.SettingsError`.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen at {address}: the host is not known ({error.strerror}).",
            hint="127.0.0.1:8080 is for this machine alone, 0.0.0.0:8080 for all.",
        ) from error
    places = list(dict.fromkeys((family, place) for family, _, _, _, place in found))
    outside = [p for _, p in places if not ip_address(str(p[0]).partition("%")[0]).is_loopback]
    if only_here and outside:
        raise SettingsError(
            f"To listen at {address}, beyond this machine, a token is needed, and none is set.",
            hint="Set S3SYNC_HTTP_TOKEN, for example to what openssl rand -hex 32 prints.",
        )
    sockets: list[socket.socket] = []
    fault: OSError | None = None
    for family, place in places:
        bound = sockets[0].getsockname()[1] if sockets else place[1]  # one port for all
        try:
            sockets.append(_bound(family, (place[0], bound, *place[2:])))
        except OSError as error:  # a machine without IPv6 knows localhost by it all the same
            fault = error
            if error.errno != errno.EADDRNOTAVAIL:
                break
    if fault is not None and (not sockets or fault.errno != errno.EADDRNOTAVAIL):
        for each in sockets:
            each.close()
        taken = fault.errno == errno.EADDRINUSE
        raise SettingsError(
            f"Cannot listen at {address}: {fault.strerror}.",
            hint="Another program listens there; choose another port with --listen."
            if taken
            else "Choose another address with --listen.",
        ) from fault
    return sockets


def _bound(family: int, place: tuple[Any, ...]) -> socket.socket:
    # Only where TCP is named does asyncio send at once (TCP_NODELAY); else answers wait 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, place[0] != "::")
        made.bind(place)
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _shown(bound: socket.socket) -> tuple[str, int]:
    host, port = bound.getsockname()[:2]
    return (f"[{host}]" if ":" in host else host), port


def _background(syncs: Syncs, site: Site, systemd: Systemd) -> list[asyncio.Task[None]]:
    """What goes on beside the answers."""
    work: list[Coroutine[Any, Any, None]] = []
    if (every := syncs.settings.every) is not None:
        work.append(keep_syncing(syncs, Schedule(every), told=systemd.status))
    if syncs.settings.sqs is not None:
        site.metrics.take(Received())
        work.append(keep_receiving(syncs, site.metrics.take))
    if systemd.watchdog_seconds is not None:
        work.append(_stay_alive(systemd, systemd.watchdog_seconds / 3))
    return [asyncio.create_task(each) for each in work]


async def _stay_alive(systemd: Systemd, every_seconds: float) -> None:
    while True:
        systemd.alive()
        await asyncio.sleep(every_seconds)


async def _stop(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _config(site: Site) -> uvicorn.Config:
    for name in ("uvicorn", "uvicorn.error"):  # it warns of each client that speaks no HTTP
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return uvicorn.Config(
        site.app,
        http=PatientProtocol,
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
    )


class _Server(uvicorn.Server):
    """uvicorn, but signals are for :mod:`~s3sync_tui.headless.signals`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield

    def listen_no_more(self) -> None:
        """Whoever knocks from now on is refused; who is in gets an answer."""
        for each in getattr(self, "servers", []):  # there are none before it has started
            each.close()

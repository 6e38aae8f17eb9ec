"""The application: which path leads where, and what is the same for all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s3sync_tui import __version__
from s3sync_tui.errors import CatalogError, S3SyncError
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.headless.lines import log_error
from s3sync_tui.headless.server.answers import (
    RETRY_SECONDS,
    Refusal,
    answer,
    error_answer,
    error_document,
)
from s3sync_tui.headless.server.attempts import Attempts
from s3sync_tui.headless.server.guard import Guard
from s3sync_tui.headless.server.metrics import Metrics
from s3sync_tui.headless.server.openapi import openapi_document
from s3sync_tui.headless.server.parameters import read_query
from s3sync_tui.headless.server.readings import Readings
from s3sync_tui.headless.server.runs import RunRoutes
from s3sync_tui.headless.server.stream import Stream
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.insight.check import printable
from s3sync_tui.insight.documents import growth_document, health_document

log = logging.getLogger(__name__)

_INDEX = {
    "name": "s3sync-tui",
    "version": __version__,
    "sync": "/api/sync",
    "runs": "/api/runs",
    "events": "/api/events",
    "growth": "/api/growth",
    "health": "/api/health",
    "alive": "/healthz",
    "ready": "/readyz",
    "metrics": "/metrics",
    "openapi": "/openapi.json",
}
_NOT_SERVED = {
    HTTPStatus.NOT_FOUND: "There is nothing here.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path knows no such method.",
}


class Site:
    """All that one server serves."""

    def __init__(self, syncs: Syncs, token: str | None) -> None:
        self.attempts = Attempts(syncs)
        self.stream = Stream(syncs)
        self.readings = Readings(syncs)
        self.metrics = metrics = Metrics(syncs, self.readings)
        runs = RunRoutes(self.attempts, self.readings)
        routes = [
            Route("/", _index, methods=["GET"]),
            Route("/api/sync", runs.sync, methods=["GET", "POST"]),
            Route("/api/runs", runs.many, methods=["GET"]),
            Route("/api/runs/{run_id}", runs.one, methods=["GET"]),
            Route("/api/events", self.stream.events, methods=["GET"]),
            Route("/api/growth", self._growth, methods=["GET"]),
            Route("/api/health", self._health, methods=["GET"]),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route("/metrics", metrics.metrics, methods=["GET"]),
            Route("/openapi.json", _openapi, methods=["GET"]),
        ]
        for route in routes:
            if route.path == "/api/sync" and route.methods is not None:
                route.methods.discard("HEAD")  # Starlette adds it to GET; it must not sync
        app = Starlette(
            routes=routes,
            exception_handlers=dict.fromkeys((Refusal, S3SyncError, HTTPException), _not_served),
        )
        app.router.redirect_slashes = False
        self.app: ASGIApp = _Everywhere(Guard(app, token), metrics.count_request)

    async def _growth(self, request: Request) -> Response:
        read_query(request)
        return answer(growth_document(await self.readings.growth()))

    async def _health(self, request: Request) -> Response:
        read_query(request)
        return answer(health_document(await self.readings.health()))

    async def _ready(self, request: Request) -> Response:
        read_query(request)
        try:
            await self.readings.both_answer()
        except S3SyncError as error:
            code = "catalog" if isinstance(error, CatalogError) else "bucket"
            code = "schema" if error.exit_code not in {3, 4} else code
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                code,
                error.message,
                hint=error.hint,
                headers={"Retry-After": str(RETRY_SECONDS)},
            ) from None
        return answer({"ready": True})


async def _index(request: Request) -> Response:
    read_query(request)
    return answer(_INDEX)


async def _alive(_: Request) -> Response:
    return answer({"alive": True})


async def _openapi(request: Request) -> Response:
    read_query(request)
    return answer(openapi_document())


async def _not_served(_: Request, error: Exception) -> Response:
    """What is answered in place of what was asked for."""
    match error:
        case Refusal():
            return error.response()
        case S3SyncError():
            return error_answer(error)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            said = _NOT_SERVED.get(status, f"{status.phrase}.")
            document = error_document(status.name.lower(), said, "/ says what there is.")
            return answer(document, status, error.headers)
        case _:
            raise error


class _Everywhere:
    """What holds for every answer: nothing is cached, nothing unforeseen gets out, and
    each is a line of the log, without its query."""

    def __init__(self, app: ASGIApp, count: Callable[[int], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [
                    *message["headers"],
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as fault:  # noqa: BLE001  # no traceback for strangers
            ours = fault_of_ours(fault)
            log_error(log, ours)
            if not status:
                await error_answer(ours)(scope, receive, send_with_headers)
        self._count(status)
        taken = (time.monotonic() - began) * 1000
        path = printable(scope["path"], 200)
        log.debug("%s %s %d %.1f ms", scope["method"], path, status, taken)

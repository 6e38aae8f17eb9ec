"""``/openapi.json``: the interface, described for programs."""

from __future__ import annotations

from functools import cache
from typing import Any

from s3sync_tui import __version__
from s3sync_tui.headless.server.parameters import HIGHEST_RUN, MODES, MOST_RUNS, RUNS
from s3sync_tui.headless.server.schemas import SCHEMAS

_Object = dict[str, Any]

_SAID = {
    "400": "No HTTP or no JSON.",
    "401": "The token is missing or wrong.",
    "403": "No token is set, and a page of another site asks.",
    "404": "There is no such run.",
    "408": "The body came too slowly.",
    "409": "A run is under way, here or elsewhere: its holder is told.",
    "413": "The body is too large.",
    "415": "The body is not called JSON.",
    "422": "A parameter is unknown, there twice, or not what it may be.",
    "500": "The schema is missing, old or damaged; a setting is wrong; or a fault of ours.",
    "502": "The bucket cannot be listed, or not all of it.",
    "503": "The catalog does not answer, or the server is stopping.",
}
_EVENTS = (
    "Server-sent events: run_started, progress (at most ten a second for each phase), listed, "
    "batch, range_failed, run_finished. All counters are cumulative. A slow reader misses "
    "progress and batch events, no others. With Last-Event-ID, those that were missed come first."
)


@cache
def openapi_document() -> _Object:
    """OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "s3sync-tui",
            "version": __version__,
            "summary": "Keeps a Postgres images table in step with an S3 bucket.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            "/": {"get": _read("index", "What there is.", _json("Index"))},
            "/api/sync": {
                "post": {
                    **_sync("sync", "Sync."),
                    "requestBody": {
                        "description": "As the query, which outranks it.",
                        "content": {"application/json": {"schema": _ref("SyncWish")}},
                    },
                    "responses": {
                        **_sync_responses(),
                        **_errors("400", "408", "413", "415"),
                    },
                },
                "get": _sync("syncByGet", "Sync, for schedulers that can do nothing but GET."),
            },
            "/api/runs": {
                "get": _read(
                    "runs",
                    "The runs, the newest first, and what listing costs.",
                    _json("Runs"),
                    _whole_number("limit", "How many.", MOST_RUNS, default=RUNS),
                    _whole_number("before", "Only runs with a lower number.", HIGHEST_RUN),
                    errors=("422", "500", "503"),
                )
            },
            "/api/runs/{run_id}": {
                "get": _read(
                    "run",
                    "One run, with its phases and errors.",
                    _json("Run"),
                    {
                        "name": "run_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "minimum": 0},
                    },
                    errors=("404", "422", "500", "503"),
                )
            },
            "/api/events": {
                "get": _read(
                    "events",
                    _EVENTS,
                    {"text/event-stream": {"schema": {"type": "string"}}},
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "schema": {"type": "string"},
                        "description": "The last event that was read.",
                    },
                    errors=("422", "503"),
                )
            },
            "/api/growth": {
                "get": _read(
                    "growth",
                    "How fast the table grows, as `s3sync-tui growth --json`.",
                    _json("Growth"),
                    errors=("422", "500", "503"),
                )
            },
            "/api/health": {
                "get": _read(
                    "health",
                    "All health checks, as `s3sync-tui health --json`, at most 30 s old. "
                    "200 also where a check fails: `worst` tells.",
                    _json("Health"),
                    errors=("422", "500", "503"),
                )
            },
            "/healthz": {
                "get": {
                    "operationId": "alive",
                    "summary": "The process is alive. Needs no token.",
                    "security": [],
                    "responses": {"200": _response("It is.", _json("Alive"))},
                }
            },
            "/readyz": {
                "get": _read(
                    "ready",
                    "Whether catalog (within 10 s) and bucket (within 60 s) have answered.",
                    _json("Ready"),
                    errors=("422", "503"),
                )
            },
            "/metrics": {
                "get": _read(
                    "metrics",
                    "Figures for Prometheus.",
                    {
                        "text/plain": {"schema": {"type": "string"}},
                        "application/openmetrics-text": {"schema": {"type": "string"}},
                    },
                )
            },
            "/openapi.json": {
                "get": _read(
                    "openapi",
                    "This document.",
                    {"application/json": {"schema": {"type": "object"}}},
                )
            },
        },
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "$S3SYNC_HTTP_TOKEN or $CRON_SECRET. Where none is set, only "
                    "programs of the same machine are served, and need none.",
                }
            },
            "schemas": SCHEMAS,
        },
    }


def _sync(name: str, said: str) -> _Object:
    return {
        "operationId": name,
        "summary": said,
        "description": "One run at a time. A client that hangs up does not stop it.",
        "parameters": [
            _parameter(
                "wait",
                "Answer once the run has ended (true), or as soon as it has begun. A dry run is "
                "always waited for.",
                {"type": "boolean", "default": True},
            ),
            _parameter(
                "mode",
                "What to list; without it, as the settings say.",
                {"type": "string", "enum": list(MODES)},
            ),
            _parameter("dry_run", "Write nothing, say what a run would do.", {"type": "boolean"}),
        ],
        "responses": _sync_responses(),
    }


def _sync_responses() -> _Object:
    return {
        "200": _response("The run has succeeded.", _json("Stats")),
        "202": {
            **_response("The run has begun.", _json("Begun")),
            "headers": {"Location": {"schema": {"type": "string"}, "description": "Of the run."}},
        },
        **_errors("401", "403", "409", "422", "500", "502", "503"),
    }


def _read(
    name: str, said: str, content: _Object, *parameters: _Object, errors: tuple[str, ...] = ("422",)
) -> _Object:
    return {
        "operationId": name,
        "summary": said,
        "parameters": list(parameters),
        "responses": {"200": _response("It.", content), **_errors("401", "403", *errors)},
    }


def _errors(*statuses: str) -> _Object:
    documented: _Object = {}
    for status in statuses:
        response = _response(_SAID[status], _json("Error"))
        if status == "503":
            response["headers"] = {
                "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}
            }
        if status == "401":
            response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        documented[status] = response
    return documented


def _response(said: str, content: _Object) -> _Object:
    return {"description": said, "content": content}


def _json(schema: str) -> _Object:
    return {"application/json": {"schema": _ref(schema)}}


def _ref(schema: str) -> _Object:
    return {"$ref": f"#/components/schemas/{schema}"}


def _parameter(name: str, said: str, schema: _Object) -> _Object:
    return {"name": name, "in": "query", "description": said, "schema": schema}


def _whole_number(name: str, said: str, highest: int, **more: int) -> _Object:
    schema = {"type": "integer", "minimum": 1, "maximum": highest, **more}
    return _parameter(name, said, schema)

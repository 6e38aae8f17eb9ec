"""What comes in place of PostgREST's answers: its own errors, gateways', and strangers' JSON."""

from __future__ import annotations

import json

from tests.support.broken_answers import HTML, answering
from tests.support.fault_proxy import Fault, Request


def error(status: int, code: str, message: str = "a reason", **headers: str) -> Fault:
    """An error as PostgREST words it."""
    body = {"code": code, "message": message, "details": None, "hint": None}
    return answering(status, json.dumps(body), Content_Type="application/json", **headers)


def shape(answer: object) -> Fault:
    """A 200 with JSON that no function of ours returns."""
    return answering(200, json.dumps(answer), Content_Type="application/json; charset=utf-8")


def is_batch(request: Request) -> bool:
    """A batch that is written."""
    return "/rpc/s3sync_insert" in request.path


def is_call(*functions: str) -> object:
    """Whether a request calls one of these."""
    return lambda request: request.path.rpartition("/")[2] in functions


REST_PASSING: dict[str, Fault] = {
    "no connection": error(503, "PGRST000", "Database connection error"),
    "connection error": error(503, "PGRST001", "Database client error"),
    "no schema cache": error(503, "PGRST002", "Could not query the database"),
    "pool is empty": error(504, "PGRST003", "Timed out acquiring connection"),
    "serialization failure": error(500, "40001"),
    "deadlock": error(500, "40P01"),
    "lock timeout": error(500, "55P03"),
    "idle too long": error(500, "25P03"),
    "too many connections": error(503, "53300"),
    "admin shutdown": error(503, "57P01"),
    "starting up": error(503, "57P03"),
    "connection lost": error(503, "08006"),
    "lost at COMMIT": error(400, "", ""),
    "429 with a time": answering(
        429, '{"message": "slow down"}', Content_Type="application/json", Retry_After="0"
    ),
    **{
        f"Cloudflare's {status}": answering(
            status, f"<html>error code: {status}</html>", Content_Type="text/html"
        )
        for status in range(520, 525)
    },
    "no JSON": answering(200, "<<<", Content_Type="application/json"),
    "text": answering(200, "ok", Content_Type="text/plain"),
    "200 in HTML": answering(200, HTML, Content_Type="text/html; charset=utf-8"),
    "half of a document": answering(200, '{"row_counts":[1,', Content_Type="application/json"),
    "null": shape([None]),
    "an empty object": shape({}),
    "a list of objects": shape([{"id": 1}]),
    "a string": shape("ok"),
    "an error with 200": shape({"error": "maintenance"}),
    "a number with a point": shape(-0.5),
    "an object of lists": shape({"row_counts": [], "digests": [], "missing": [9999999]}),
    "nested deep": answering(200, "[" * 100_000, Content_Type="application/json"),
}
"""What another try may mend."""

REST_LASTING: dict[str, tuple[Fault, int, str]] = {
    "another key": (
        answering(401, '{"message":"Unregistered API key"}', Content_Type="application/json"),
        4,
        "Copy the key anew",
    ),
    "JWT expired": (error(401, "PGRST301", "JWT expired"), 4, "sb_secret_"),
    "not allowed": (error(403, "42501", "permission denied for table images"), 4, "secret key"),
    "restricted": (answering(402, "quota exceeded"), 4, "quota"),
    "403 in HTML": (answering(403, HTML, Content_Type="text/html"), 4, "Copy the key anew"),
    "read-only": (error(405, "25006"), 4, "disk quota"),
    "disk full": (error(500, "53100"), 4, "disk space"),
    "too large": (answering(413, HTML, Content_Type="text/html"), 4, "--batch-size"),
    "statement timeout": (error(500, "57014", "canceling statement"), 4, "statement_timeout"),
    "gateway timeout": (answering(544, "not in time"), 4, "statement_timeout"),
    "schema gone": (error(404, "PGRST202", "Could not find the function"), 5, "s3sync-tui schema"),
    "table gone": (error(404, "42P01", "relation does not exist"), 5, "s3sync-tui schema"),
    "404 in HTML": (answering(404, HTML, Content_Type="text/html"), 4, "SUPABASE_URL"),
    "moved": (answering(301, Location="https://example.com/x"), 4, "SUPABASE_URL"),
    "paused": (answering(540, ""), 4, "Restore"),
    "internal error": (error(500, "XX000", "could not read block"), 4, "log says more"),
    "not exposed": (error(406, "PGRST106", "schema must be one of"), 4, "Data API"),
    "database dropped": (error(500, "57P04", "database dropped"), 4, "project"),
}
"""What no other try mends, the exit code, and words of the hint."""

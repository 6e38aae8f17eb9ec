"""What a client asks for: read strictly, so that a slip of the pen is no full sync."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast, get_args

from starlette.requests import ClientDisconnect, Request

from s3sync_tui.headless.server.answers import Refusal
from s3sync_tui.insight.check import printable
from s3sync_tui.model import ModeChoice

MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
MODES: tuple[str, ...] = get_args(ModeChoice)
HIGHEST_RUN = 2**63 - 1
"""``sync_runs.id`` is a bigint."""
MOST_RUNS = 1000
RUNS = 50
_WISHES = ("wait", "mode", "dry_run")
_SWITCH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class SyncWish:
    """A run as a client wants it."""

    wait: bool = True
    """Whether to answer once it has ended, or as soon as it has begun."""
    mode: ModeChoice | None = None
    """None: as the settings have it."""
    dry_run: bool = False


async def read_wish(request: Request) -> SyncWish:
    """From the query and, of a POST, the body; the query outranks it.

    Raises :class:`~s3sync_tui.headless.server.answers.Refusal`.
    """
    in_body = await _body_object(request) if request.method == "POST" else {}
    query = read_query(request, *_WISHES)
    in_query: dict[str, Any] = {
        name: text if name == "mode" else _SWITCH.get(text, text) for name, text in query.items()
    }
    for given in (in_body, in_query):
        _check(given)
    wanted = in_body | in_query
    return SyncWish(
        wait=wanted.get("wait", True),
        mode=cast("ModeChoice | None", wanted.get("mode")),
        dry_run=wanted.get("dry_run", False),
    )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which runs a client wants to see."""

    limit: int
    before: int | None


def read_stretch(request: Request) -> Stretch:
    """Raises :class:`~s3sync_tui.headless.server.answers.Refusal`."""
    query = read_query(request, "limit", "before")
    return Stretch(
        _whole_number(query, "limit", MOST_RUNS) or RUNS,
        _whole_number(query, "before", HIGHEST_RUN),
    )


def read_query(request: Request, *allowed: str) -> dict[str, str]:
    """The query's parameters, each of which is known and there once.

    Raises :class:`~s3sync_tui.headless.server.answers.Refusal`.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            known = f"There are: {', '.join(allowed)}." if allowed else "There are none here."
            raise _unprocessable(f"There is no parameter {_quoted(name)}.", known)
        if name in found:
            raise _unprocessable(f"The parameter {name} is there twice.")
        found[name] = value
    return found


async def _body_object(request: Request) -> dict[str, Any]:
    body = await _body(request)
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be JSON.",
            hint="Send Content-Type: application/json, or no body at all.",
        )
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_request", "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise _unprocessable("The body must be a JSON object.")
    for name in found:
        if name not in _WISHES:
            raise _unprocessable(
                f"There is no field {_quoted(name)}.", f"There are: {', '.join(_WISHES)}."
            )
    return found


def _check(wanted: Mapping[str, Any]) -> None:
    for name in ("wait", "dry_run"):
        if not isinstance(wanted.get(name, False), bool):
            raise _unfit(name, wanted[name], "must be true or false")
    if "mode" in wanted and wanted["mode"] not in MODES:
        raise _unfit("mode", wanted["mode"], f"must be one of {', '.join(MODES)}")


async def _body(request: Request) -> bytes:
    """Not longer than it may be, and not slower."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BODY_BYTES:
                    raise too_large()
    except TimeoutError:
        raise Refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            "too_slow",
            f"The body took longer than {BODY_SECONDS:.0f} s.",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect:  # nobody reads this
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_request", "The body broke off.") from None
    return bytes(body)


def too_large() -> Refusal:
    """What is said of a body beyond the limit."""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"The body is larger than {MOST_BODY_BYTES // 1024} KiB.",
        headers={"Connection": "close"},
    )


def _whole_number(query: Mapping[str, str], name: str, highest: int) -> int | None:
    if name not in query:
        return None
    text = query[name]
    if not re.fullmatch("[0-9]{1,19}", text, re.ASCII) or not 1 <= int(text) <= highest:
        raise _unfit(name, text, f"must be a whole number from 1 to {highest}")
    return int(text)


def _unfit(name: str, value: object, must: str) -> Refusal:
    return _unprocessable(f"{name} {must}, not {_quoted(value)}.")


def _unprocessable(message: str, hint: str = "") -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", message, hint=hint)


def _quoted(value: object) -> str:
    return f'"{printable(str(value), 60)}"'

"""What is answered: JSON, and what went wrong in one form, with the status that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.headless.report import as_json
from s3sync_tui.model import RunResult

RETRY_SECONDS = 30
_JSON = "application/json"

# Whoever looks at the status alone must see that a run did not succeed: none of these is 2xx.
_BY_EXIT_CODE = {
    1: (HTTPStatus.INTERNAL_SERVER_ERROR, "fault"),
    2: (HTTPStatus.INTERNAL_SERVER_ERROR, "settings"),
    3: (HTTPStatus.BAD_GATEWAY, "bucket"),
    4: (HTTPStatus.SERVICE_UNAVAILABLE, "catalog"),
    5: (HTTPStatus.INTERNAL_SERVER_ERROR, "schema"),
    6: (HTTPStatus.CONFLICT, "running"),
    7: (HTTPStatus.BAD_GATEWAY, "partly_done"),
    130: (HTTPStatus.SERVICE_UNAVAILABLE, "cancelled"),
}


class Refusal(Exception):
    """A request that is not served, and why."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """What is answered."""
        return answer(error_document(self.code, self.message, self.hint), self.status, self.headers)


def stopping() -> Refusal:
    """What is said while the server ends."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "stopping",
        "The server is stopping.",
        hint="Ask again once it has been started anew.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def answer(
    document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """``document`` as JSON in ASCII, whatever keys it holds."""
    return Response(
        json.dumps(document, allow_nan=False) + "\n",
        status,
        headers=dict(headers or {}),
        media_type=_JSON,
    )


def error_document(code: str, message: str, hint: str = "") -> dict[str, Any]:
    """What went wrong: a word for programs, a sentence for people, and what to do."""
    return {"error": {"code": code, "message": message, "hint": hint}}


def error_answer(error: S3SyncError) -> Response:
    """For what kept a run from beginning, or a figure from being read."""
    status, code = _BY_EXIT_CODE.get(error.exit_code, _BY_EXIT_CODE[1])
    document = error_document(code, error.message, error.hint)
    if isinstance(error, LeaseHeld):
        document["holder"] = {
            "host": error.holder,
            "run_id": error.run_id,
            "since": error.since and error.since.isoformat(),
        }
    return answer(document, status, _headers(status))


def result_answer(result: RunResult) -> Response:
    """For a run that has ended, well or not."""
    run = as_json(result)
    if not result.exit_code:
        return answer(run)
    status, code = _BY_EXIT_CODE.get(result.exit_code, _BY_EXIT_CODE[1])
    document = error_document(code, result.error, result.hint)
    return answer({**document, "run": run}, status, _headers(status))


def _headers(status: int) -> dict[str, str]:
    retry = status == HTTPStatus.SERVICE_UNAVAILABLE
    return {"Retry-After": str(RETRY_SECONDS)} if retry else {}

"""Who may ask: whoever has the token; where there is none, programs of this machine."""

from __future__ import annotations

import hmac
import re
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.server.answers import Refusal
from s3sync_tui.headless.server.parameters import MOST_BODY_BYTES, MOST_HEAD_BYTES, too_large
from s3sync_tui.settings import Settings

OPEN = "/healthz"
"""The one path that needs no token."""
LEAST_TOKEN = 16
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.I)
_OWN_SITES = {"same-origin", "none"}


def token_of(settings: Settings) -> str | None:
    """The token that clients must send; None where none is set.

    Raises :class:`~s3sync_tui.errors.SettingsError` where it is too weak.
    """
    if settings.token is None:
        return None
    token = settings.token.get_secret_value()
    if len(token) < LEAST_TOKEN or not re.fullmatch("[!-~]+", token):
        raise SettingsError(
            f"The token ($S3SYNC_HTTP_TOKEN, $CRON_SECRET) must have at least {LEAST_TOKEN} "
            "characters: letters, digits and signs, no spaces.",
            hint="Make one with: openssl rand -hex 32",
        )
    return token


class Guard:
    """Lets requests through to ``app``, or refuses them.

    With a token, the token decides. Without one (which is for loopback only) anybody on this
    machine may ask, and so could any web page that a browser on it shows: such requests are
    told by their ``Origin``, ``Sec-Fetch-Site`` and ``Host``, which a page cannot choose.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        try:
            _check_head(scope)
            if scope["path"] != OPEN:
                self._check(Headers(scope=scope))
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        if self._token is None:
            _check_origin(headers)
        else:
            self._check_token(headers, self._token)
        length = headers.get("content-length", "0")
        if len(length) > 9 or int(length) > MOST_BODY_BYTES:  # h11 has seen that it is a number
            raise too_large()

    def _check_token(self, headers: Headers, token: bytes) -> None:
        given = headers.getlist("authorization")
        scheme, _, credentials = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        # Header values are Latin-1, as ASGI has them.
        sent = credentials.strip(" ").encode("latin-1", "replace")
        if hmac.compare_digest(sent, token) and scheme.lower() == "bearer":
            return
        challenge = 'Bearer realm="s3sync-tui"' + (', error="invalid_token"' if given else "")
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "The token is wrong." if given else "The token is missing.",
            hint="Send Authorization: Bearer and the token of $S3SYNC_HTTP_TOKEN or $CRON_SECRET.",
            headers={"WWW-Authenticate": challenge, "Connection": "close"},
        )


def _check_head(scope: Scope) -> None:
    """h11 minds the length only of what comes in pieces."""
    length = len(scope["raw_path"]) + len(scope["query_string"])
    if length + sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too_large",
            f"The request's head is larger than {MOST_HEAD_BYTES // 1024} KiB.",
            headers={"Connection": "close"},
        )


def _check_origin(headers: Headers) -> None:
    host = headers.get("host", "")
    if not _LOOPBACK.fullmatch(host):
        raise _forbidden("The request is for another host than this machine.")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        raise _forbidden("The request comes from a page of another site.")
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise _forbidden("The request comes from a page of another site.")
    if "prefetch" in headers.get("sec-purpose", ""):
        raise _forbidden("A browser asks for this before anybody has asked it to.")


def _forbidden(message: str) -> Refusal:
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        message,
        hint="Without a token only programs of this machine are served. Set S3SYNC_HTTP_TOKEN.",
        headers={"Connection": "close"},
    )

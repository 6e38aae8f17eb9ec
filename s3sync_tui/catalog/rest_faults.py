"""What the answers of Supabase's REST API mean for the one who has to mend them."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from s3sync_tui.catalog.halves import TookTooLong
from s3sync_tui.catalog.sqlstates import (
    MEANINGS,
    raised_by_schema,
    refuses_row,
    row_refused,
)
from s3sync_tui.catalog.supabase_keys import WHERE_KEYS_ARE, Project, expired
from s3sync_tui.errors import (
    CatalogDenied,
    CatalogError,
    CatalogUnreachable,
    S3SyncError,
    SchemaError,
)
from s3sync_tui.secrecy import without_secrets
from s3sync_tui.tls import describe_tls, tls_hint

# Too slow, or too many; a gateway without its server; Cloudflare's 520 to 524: the origin does
# not answer (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/).
_TRANSIENT_STATUS = {408, 429, 502, 503, 504, *range(520, 525)}
# No connection to the database, no schema cache yet, no connection free in the pool
# (https://docs.postgrest.org/en/v12/references/errors.html#group-0-connection).
_TRANSIENT_CODES = {
    *("PGRST000", "PGRST001", "PGRST002", "PGRST003"),
    *("40001", "40P01", "55P03", "25P03"),  # in the way of others; held up between statements
}
_TRANSIENT_CLASSES = {"08", "53", "57"}  # connection, resources, operator intervention
_LASTING = {"53100", "57014", "57P04"}  # disk full, statement timeout, database dropped

_STATEMENT_TIMEOUT = "57014"
# PostgREST 12 answers 400 with an empty code and an empty message where its connection to
# the database is lost at COMMIT (seen when Postgres crashed there).
_CONNECTION_LOST = "08006"
# "The request is not completed within the configured time limit."
# https://supabase.com/docs/guides/platform/http-status-codes#544-project-api-gateway-timeout
_GATEWAY_TIMEOUT = 544
_NO_ANSWER = 0
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_TEXT = 300
_LONGEST_CODE = 16
_LONGEST_READ = 2000  # with room for the key, which is cut out of it


@dataclass
class RestFault(Exception):
    """An answer that is no result."""

    status: int
    code: str = ""
    """Postgres's SQLSTATE or PostgREST's PGRST…; empty where neither spoke."""
    message: str = ""
    hint: str = ""
    wait_seconds: float = 0.0
    """How long the server asks us to wait before we try again."""
    location: str = field(default="", repr=False)
    """Where a redirect leads."""

    def __str__(self) -> str:
        return f"{self.code or self.status}: {self.message}"


def read_fault(answer: httpx.Response) -> RestFault | None:
    """Why ``answer``, read to its end, is no result; ``None`` if it is one."""
    kind = answer.headers.get("Content-Type", "")
    is_nothing = answer.status_code == httpx.codes.NO_CONTENT  # a function that returns nothing
    if answer.is_success and (is_nothing or ("json" in kind and answer.content)):
        return None
    body: object = None
    if "json" in kind:
        try:
            body = json.loads(answer.content)
        except (ValueError, RecursionError):
            body = None
    said = body if isinstance(body, dict) else {}
    code = _said(said, "code")[:_LONGEST_CODE]
    if said.get("code") == "" and not said.get("message"):
        code = _CONNECTION_LOST
    return RestFault(
        status=answer.status_code,
        code=code,
        message=_said(said, "message", "msg", "error") or answer.reason_phrase,
        hint=_said(said, "hint")[:_LONGEST_TEXT],
        wait_seconds=_retry_after(answer),
        location=answer.headers.get("Location", ""),
    )


def _said(document: Mapping[str, object], *names: str) -> str:
    """The first of these that there is, on one line, and not all of it where it is long."""
    found = next((value for name in names if (value := document.get(name))), "")
    # Secrets before the cut, or half of one would be no secret any more.
    text = without_secrets(str(found)[: 2 * _LONGEST_READ])[:_LONGEST_READ]
    return "".join(c if c.isprintable() else " " for c in text)


def no_answer() -> RestFault:
    """An answer that none of our functions gives: cut off, or somebody else's."""
    return RestFault(_NO_ANSWER, message="what comes is cut off, or is not of our functions")


def is_strange(error: BaseException) -> bool:
    """Whether a page came with success: where our functions have answered before, it is of
    something on the way, which may pass; else the address may be wrong."""
    return isinstance(error, RestFault) and 200 <= error.status < 300


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment."""
    if isinstance(error, RestFault):
        code = error.code
        if code in _LASTING:
            return False
        return (
            code in _TRANSIENT_CODES
            or (len(code) == 5 and code[:2] in _TRANSIENT_CLASSES)
            or error.status in _TRANSIENT_STATUS
            or (error.status == 500 and not code)  # Postgres and PostgREST give a code
            or error.status == _NO_ANSWER
            or is_strange(error)
        )
    if isinstance(error, httpx.UnsupportedProtocol) or _cause(error, ssl.SSLCertVerificationError):
        return False
    # What cannot be unpacked was damaged on its way.
    return isinstance(error, httpx.TransportError | httpx.DecodingError | TimeoutError)


def is_timeout(error: BaseException) -> bool:
    """Whether the server gave up because the call took it too long."""
    return isinstance(error, RestFault) and (
        error.code == _STATEMENT_TIMEOUT or error.status == _GATEWAY_TIMEOUT
    )


def is_unknown_host(error: BaseException) -> bool:
    """Whether there is no such host, as far as the name servers tell."""
    return isinstance(error, httpx.ConnectError) and _cause(error, socket.gaierror) is not None


def explain(error: BaseException, project: Project, *, key: str, apply: str) -> S3SyncError:
    """The error in our own terms. ``apply`` says how to apply the schema; ``key`` is
    what no message may hold, not even when the server repeats it."""
    if isinstance(error, RestFault):
        text = (error.message or "no reason given").replace(key, "(key)")
        text = without_secrets(text)[:_LONGEST_TEXT]
        return _explain_answer(error, text.rstrip("."), project, apply)
    where = project.name
    if is_unknown_host(error):
        return CatalogUnreachable(
            f"There is no host {project.host} (SUPABASE_URL).",
            hint="Check the URL: Project Settings > Data API shows it. The address of a project "
            "that was deleted, or paused for long, is gone too."
            if project.ref
            else "Check SUPABASE_URL and this machine's network.",
        )
    if (wrong := _cause(error, ssl.SSLError)) is not None:
        reason = describe_tls(wrong)
        return CatalogUnreachable(
            f"No secure connection to {project.host}: {reason}.",
            hint=tls_hint(reason, "SSL_CERT_FILE"),
        )
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return CatalogUnreachable(
            f"Supabase does not answer in time ({where}).",
            hint="Check the network, and the project's state in the Supabase dashboard.",
        )
    if isinstance(error, httpx.HTTPError | OSError):
        return CatalogUnreachable(
            f"Supabase does not answer: {str(error) or type(error).__name__} ({where}).",
            hint="Check SUPABASE_URL, the network, and that the project is running.",
        )
    return CatalogError(
        f"Supabase's answer makes no sense: {type(error).__name__} ({where}).",
        hint=f"Is something between this machine and the project? Else: {apply}",
    )


def _explain_answer(fault: RestFault, text: str, project: Project, apply: str) -> S3SyncError:
    return (
        raised_by_schema(fault.code)
        or _explain_code(fault, text, project, apply)
        or _explain_status(fault, text, project)
    )


def _explain_code(fault: RestFault, text: str, project: Project, apply: str) -> S3SyncError | None:
    where = project.name
    match fault:
        case RestFault(code="PGRST202" | "PGRST203" | "42883" | "42P01" | "42703"):
            return SchemaError(
                f"The schema is missing or out of date in {where}: {text}.",
                hint=f"{apply} If that is done, PostgREST may not know it yet; tell it in the SQL "
                "editor: NOTIFY pgrst, 'reload schema';",
            )
        case RestFault(code="PGRST106"):
            return CatalogDenied(
                f"Supabase's Data API does not serve the schema public ({where}).",
                hint="Add public to the exposed schemas: Project Settings > Data API.",
            )
        case RestFault(code="PGRST301" | "PGRST303") if "expired" in text:
            return expired()
        case RestFault(code="42501"):
            return CatalogDenied(
                f"The Supabase key may not do this: {text} ({where}).",
                hint=f"Use a secret key (sb_secret_…, {WHERE_KEYS_ARE}). If it is one: {apply}",
            )
        case RestFault(code="25006"):
            return CatalogDenied(
                f"The database is read-only ({where}).",
                hint="A Supabase project over its disk quota is: free space or enlarge the disk.",
            )
        case RestFault(code="53100"):
            return CatalogError(
                f"The database's disk is full ({where}).",
                hint="Free or add disk space, then sync again: it goes on where it stopped.",
            )
        case _ if is_timeout(fault):
            return TookTooLong(
                f"The database took too long over one statement ({where}).",
                hint="Give the API more time, in the SQL editor: alter role service_role set "
                "statement_timeout = '60s'; notify pgrst, 'reload config'; Then sync again: it "
                "goes on where it stopped.",
            )
    if len(fault.code) == 5 and refuses_row(fault.code):
        return row_refused(text, where)
    known = MEANINGS.get(fault.code) or MEANINGS.get(fault.code[:2])
    if known is not None and known.kind is not CatalogUnreachable:
        return known.error(text, where)
    return None


def _explain_status(fault: RestFault, text: str, project: Project) -> S3SyncError:
    where = project.name
    dashboard = project.dashboard("") or "the Supabase dashboard"
    match fault.status:
        case 401 | 403:
            return CatalogDenied(
                f"Supabase refuses the key: {text} ({where}).",
                hint=f"Copy the key anew from {WHERE_KEYS_ARE}, of the project that SUPABASE_URL "
                "names. Deleted secret keys and deactivated legacy keys are refused; so are all "
                "legacy keys once the project's JWT secret has changed.",
            )
        case 402:
            return CatalogDenied(
                f"Supabase has restricted the project: {text} ({where}).",
                hint=f"A quota is exceeded or a bill is due: see {dashboard}",
            )
        case 540:
            return CatalogUnreachable(
                f"The Supabase project {where} is paused.",
                hint=f"Restore it: {dashboard} . Free projects pause after a week without use.",
            )
        case 413:  # half of it may be let through
            return TookTooLong(
                f"The request was too large for {where}.", hint="Use a smaller --batch-size."
            )
        case status if 300 <= status < 400:
            return CatalogUnreachable(
                f"SUPABASE_URL leads elsewhere: to {_origin(fault.location)}.",
                hint="Set SUPABASE_URL to the address where the project really is.",
            )
        case status if status == _NO_ANSWER:
            return CatalogUnreachable(
                f"Supabase does not answer: {text} ({where}).",
                hint="A proxy or a portal on the way may answer in its place. If SUPABASE_URL is "
                f"right, look at the project's state: {dashboard}",
            )
        case 404 | 405 | 200:
            return CatalogUnreachable(
                f"There is no Supabase project at {project.url}: {fault.status} {text}.",
                hint="SUPABASE_URL looks like https://abcdefghijkl.supabase.co (Project Settings > "
                "Data API), without any path. If it is right, a proxy or a portal on the way "
                "answers in its place.",
            )
    if is_transient(fault) or (fault.status >= 500 and not fault.code):
        return CatalogUnreachable(
            f"Supabase does not answer: {fault.code or fault.status} {text} ({where}).",
            hint=f"Look at the project's state: {dashboard}",
        )
    hint = f"Its hint: {fault.hint}" if fault.hint else f"Look at the project's logs: {dashboard}"
    return CatalogError(f"The database reports: {text} ({where}).", hint=hint)


def _retry_after(answer: httpx.Response) -> float:
    # Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    value = answer.headers.get("Retry-After", "")
    seconds = float(value) if value.isascii() and value.isdecimal() else 0.0
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _origin(location: str) -> str:
    try:
        url = httpx.URL(location) if location.isprintable() and location.isascii() else None
    except httpx.InvalidURL:
        url = None
    return (
        f"{url.scheme}://{url.netloc.decode('ascii')}" if url and url.host else "an unknown place"
    )


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The nearest ``kind`` among what led to ``error``."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None

"""Every answer of Supabase's is understood: to be repeated, or to be explained."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from s3sync_tui.catalog.halves import TookTooLong
from s3sync_tui.catalog.rest_faults import (
    RestFault,
    explain,
    is_timeout,
    is_transient,
    is_unknown_host,
    read_fault,
)
from s3sync_tui.catalog.supabase_keys import Project
from s3sync_tui.errors import (
    CatalogDenied,
    CatalogError,
    CatalogUnreachable,
    LeaseLost,
    RowRefused,
    S3SyncError,
    SchemaError,
)

KEY = "sb_secret_0123456789abcdef_00000000"
PROJECT = Project("https://abcdefghijklmnopqrst.supabase.co")


def said(error: BaseException, project: Project = PROJECT) -> S3SyncError:
    return explain(error, project, key=KEY, apply="(how to apply)")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_gateways_without_their_server_are_tried_again(status: int) -> None:
    assert is_transient(RestFault(status))
    assert isinstance(said(RestFault(status)), CatalogUnreachable)


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, f"PGRST00{n}") for n in range(4)]
    + [
        (503, "08006"),
        (503, "53300"),
        (500, "57P01"),
        (500, "40001"),
        (500, "40P01"),
        (500, "25P03"),
    ],
)
def test_passing_faults_of_the_database_are_tried_again(status: int, code: str) -> None:
    assert is_transient(RestFault(status, code))
    assert isinstance(said(RestFault(status, code)), CatalogUnreachable)


def test_a_connection_that_is_lost_at_commit_is_tried_again() -> None:
    """As PostgREST 12.0.2 answered when Postgres was killed at that moment."""
    answer = httpx.Response(400, json={"code": "", "details": None, "hint": None, "message": ""})
    fault = read_fault(answer)
    assert fault is not None
    assert is_transient(fault)
    assert isinstance(said(fault), CatalogUnreachable)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "", CatalogError),
        (400, "22P02", RowRefused),
        (400, "PGRST102", CatalogError),
        (400, "S3S01", LeaseLost),
        (401, "", CatalogDenied),
        (401, "PGRST301", CatalogDenied),
        (401, "42501", CatalogDenied),
        (402, "", CatalogDenied),
        (403, "42501", CatalogDenied),
        (404, "", CatalogUnreachable),
        (404, "PGRST202", SchemaError),
        (300, "PGRST203", SchemaError),
        (404, "42883", SchemaError),
        (404, "42P01", SchemaError),
        (405, "25006", CatalogDenied),
        (406, "PGRST106", CatalogDenied),
        (409, "23505", RowRefused),
        (413, "", TookTooLong),
        (500, "XX000", CatalogError),
        (503, "53100", CatalogError),
        (540, "", CatalogUnreachable),
        (301, "", CatalogUnreachable),
        (530, "", CatalogUnreachable),
    ],
)
def test_lasting_faults_are_explained_at_once(
    status: int, code: str, kind: type[S3SyncError]
) -> None:
    fault = RestFault(status, code, "the server's words")
    assert not is_transient(fault)
    assert not is_timeout(fault)
    assert type(said(fault)) is kind


@pytest.mark.parametrize("fault", [RestFault(500, "57014"), RestFault(544)])
def test_statements_that_took_too_long_are_known_as_such(fault: RestFault) -> None:
    assert is_timeout(fault)
    assert not is_transient(fault)
    assert type(said(fault)) is TookTooLong
    assert "statement_timeout" in said(fault).hint


def test_broken_connections_are_tried_again() -> None:
    for error in (
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadTimeout("late"),
        httpx.DecodingError("incorrect header check"),
        TimeoutError(),
    ):
        assert is_transient(error)
        assert isinstance(said(error), CatalogUnreachable)


def test_an_unknown_host_is_named() -> None:
    error = caused(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known"))
    assert is_unknown_host(error)
    assert said(error).message.startswith("There is no host abcdefghijklmnopqrst.supabase.co")
    assert "paused" in said(error).hint
    assert not is_unknown_host(httpx.ConnectError("refused"))


def test_a_bad_certificate_is_not_tried_again() -> None:
    wrong = ssl.SSLCertVerificationError("certificate verify failed")
    error = caused(httpx.ConnectError("x"), wrong)
    assert not is_transient(error)
    assert "SSL_CERT_FILE" in said(error).hint


def test_a_missing_schema_says_what_to_paste_where() -> None:
    hint = said(RestFault(404, "PGRST202", "Could not find the function")).hint
    assert hint.startswith("(how to apply)")
    assert "NOTIFY pgrst, 'reload schema'" in hint


def test_a_paused_project_can_be_restored() -> None:
    error = said(RestFault(540))
    assert "paused" in error.message
    assert f"https://supabase.com/dashboard/project/{PROJECT.ref}" in error.hint


def test_a_redirect_says_where_to() -> None:
    fault = RestFault(301, location="https://abcdefghijklmnopqrst.supabase.co/rest/v1/rpc/x")
    error = said(fault, Project("http://abcdefghijklmnopqrst.supabase.co"))
    assert "https://abcdefghijklmnopqrst.supabase.co." in error.message
    assert "unknown place" in said(RestFault(302, location="\n")).message


def test_no_message_holds_the_key() -> None:
    for status in (400, 401, 404, 500, 503):
        error = said(RestFault(status, "", f"no such key: {KEY} ({KEY})"))
        assert KEY not in error.message + error.hint


def test_answers_are_read_for_what_is_wrong() -> None:
    def answer(status: int, **parts: object) -> httpx.Response:
        return httpx.Response(status, **parts)  # type: ignore[arg-type]

    assert read_fault(answer(200, json=5)) is None
    assert read_fault(answer(204)) is None
    for nothing in (answer(200), answer(200, headers={"Content-Type": "application/json"})):
        lost = read_fault(nothing)
        assert lost is not None
        assert is_transient(lost)
    words = {"code": "57014", "message": "canceling", "hint": None, "details": None}
    assert read_fault(answer(500, json=words)) == RestFault(500, "57014", "canceling")
    assert read_fault(answer(401, json={"message": "Invalid API key"})) == RestFault(
        401, "", "Invalid API key"
    )
    page = read_fault(answer(200, html="<title>Sign in</title>"))
    assert page is not None
    assert page.status == 200
    assert isinstance(said(page), CatalogUnreachable)
    late = read_fault(answer(503, text="later", headers={"Retry-After": "7"}))
    assert late is not None
    assert late.wait_seconds == 7
    for value, seconds in (("99999", 30), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("-1", 0)):
        late = read_fault(answer(429, headers={"Retry-After": value}))
        assert late is not None
        assert late.wait_seconds == seconds
    torn = read_fault(answer(500, content=b'{"mess', headers={"Content-Type": "application/json"}))
    assert torn == RestFault(500, "", "Internal Server Error")

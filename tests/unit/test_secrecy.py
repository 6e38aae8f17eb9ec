"""What no text may show, in whatever form it comes back."""

from __future__ import annotations

import base64
import json
import os
import pickle
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui import secrecy
from s3sync_tui.errors import CatalogError, LeaseHeld
from s3sync_tui.secrecy import keep_secret, keep_url_secret, without_secrets

SECRET = 'pä/ss+w@rd:#%1&<"two" \\e'


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_known", secrecy._Known())


@pytest.mark.parametrize(
    "encoded",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        ascii(SECRET)[1:-1],
        escape(SECRET),
        escape(SECRET, quote=False),
    ],
)
def test_a_secret_is_found_in_whatever_form_it_comes_back(encoded: str) -> None:
    keep_secret(SECRET)
    assert without_secrets(f"before {encoded} after") == "before … after"


def test_a_secret_may_be_no_utf8() -> None:
    keep_secret(os.fsdecode(b"caf\xe9-au-lait"))
    assert without_secrets("as caf%E9-au-lait, as caf\udce9-au-lait") == "as …, as …"


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_a_secret_is_found_within_base64(before: bytes, after: bytes) -> None:
    secret = "b-secret-Of-32-characters-or-so!"
    keep_secret(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + secret.encode() + after).decode()
        shown = without_secrets(text)
        assert "…" in shown
        # Nothing that is left decodes to as much as eight characters of it.
        for part in shown.split("…"):
            for begin in range(4):
                whole = part[begin : begin + (len(part) - begin) // 4 * 4].rstrip("=")
                decoded = base64.b64decode(whole + "=" * (-len(whole) % 4), altchars=b"-_")
                assert not any(secret[at : at + 8].encode() in decoded for at in range(24))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("key sb_secret_abc-DEF_1 refused", "key sb_secret_… refused"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYSJ9.c2ln is no good", "eyJ… is no good"),
        (
            "GET /b?X-Amz-Security-Token=IQoJ%2F&X-Amz-Signature=0a1b&x=1",
            "GET /b?X-Amz-Security-Token=…&X-Amz-Signature=…&x=1",
        ),
        ("x-amz-security-token: IQoJb3Jp", "x-amz-security-token: …"),
        ("X-Amz-Signature%3D0a1b%26x", "X-Amz-Signature%3D…"),
        ("host=h password=x1 user=u", "host=h password=… user=u"),
        ("PASSWORD = 'a b\\' c' user=u", "PASSWORD = … user=u"),
        ("postgresql://me:p#ss@h:5432/db?x=y@z", "postgresql://…@h:5432/db?x=y@z"),
        ("http://me:p@ss@proxy:3128/", "http://…@proxy:3128/"),
        ("<SecretAccessKey>wJalr</SecretAccessKey>", "<SecretAccessKey>…</SecretAccessKey>"),
        ('{"SessionToken": "FwoGZ", "a": 1}', '{"SessionToken": "…", "a": 1}'),
        ('{"accessToken":"aoaA"}', '{"accessToken":"…"}'),
        ('{"password": "x y"}', '{"password": "…"}'),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer …"),
        ("proxy-authorization: basic dTpwYXNzd29yZA==", "proxy-authorization: basic …"),
    ],
)
def test_what_looks_like_a_secret_is_taken_for_one(raw: str, shown: str) -> None:
    assert without_secrets(raw) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Check user and password in DATABASE_URL: special characters must be percent-encoded.",
        'password authentication failed for user "postgres"',
        "Use a secret key: sb_secret_…, from the dashboard, or the legacy one (eyJ…).",
        "postgresql://user@db.example.com:5432/postgres and https://h:9000/a@2x.jpg",
        "The basic rule; a bearer of tokens; accessToken is missing; SecretAccessKey, too.",
        "X-Amz-Signature is not what it should be",
        "EYJAFJALLAJOKULL.ERUPTS.AGAIN and Eyjafjallajökull",
        "cam-07/2026/11/24/143000.jpg",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    keep_secret("postgres")  # what everybody knows is no secret, and messages need the word
    keep_secret("user")  # so short that it is in many words
    assert without_secrets(text) == text


def test_a_login_in_a_url_is_known_as_written_and_decoded() -> None:
    keep_url_secret("http://me:p%40ss%23word@proxy:3128")
    assert without_secrets("p@ss#word and p%40ss%23word") == "… and …"
    keep_url_secret("me:another/pass#word@proxy:3128")  # variables for proxies need no scheme
    assert without_secrets("to another/pass#word") == "to …"


def test_secrets_that_pass_are_forgotten_and_those_that_last_are_not() -> None:
    keep_secret("that-lasts")
    for number in range(1000):
        keep_secret(f"passing-{number:04}", passes=True)
    assert without_secrets("that-lasts passing-0999 passing-0000") == "… … passing-0000"


def test_errors_hold_no_secret_and_nothing_that_a_terminal_would_obey() -> None:
    keep_secret(SECRET)
    error = CatalogError(f"\x1b[2J{SECRET}\nsecond", hint=f"{quote(SECRET)}\x07")
    for seen in (error, pickle.loads(pickle.dumps(error))):
        assert seen.message == str(seen) == "\\x1b[2J…\nsecond"
        assert seen.hint == "…\\x07"
        assert SECRET not in repr(seen)
    held = LeaseHeld("held", hint="wait", run_id=7, holder="host:1")
    assert pickle.loads(pickle.dumps(held)).run_id == 7


def test_errors_are_not_endless() -> None:
    error = CatalogError("x" * 50_000_000)
    assert len(error.message) == 4000


def test_the_form_of_a_connection_string_is_shown() -> None:
    form = "postgresql://user:password@host:5432/database"
    assert without_secrets(f"It looks like {form}.") == f"It looks like {form}."
    assert without_secrets("postgresql://user:password1@host") == "postgresql://…@host"

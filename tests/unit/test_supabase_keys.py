"""Supabase's keys and URLs are understood before any request is made."""

from __future__ import annotations

import base64
import json

import pytest

from s3sync_tui.catalog.supabase_keys import KeyKind, Project, check_key
from s3sync_tui.errors import CatalogDenied, S3SyncError, SettingsError

NOW = 1_795_000_000.0
PROJECT = Project("https://abcdefghijklmnopqrst.supabase.co")


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJl"


def test_elevated_keys_are_told_apart() -> None:
    assert check_key("sb_secret_abc_123", PROJECT, now=NOW) is KeyKind.SECRET
    legacy = jwt(role="service_role", ref=PROJECT.ref, exp=NOW + 60)
    assert check_key(legacy, PROJECT, now=NOW) is KeyKind.LEGACY
    assert check_key(jwt(role="service_role"), PROJECT, now=NOW) is KeyKind.LEGACY


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        ("sb_publishable_abc_123", SettingsError, "publishable key"),
        (jwt(role="anon", exp=NOW + 60), SettingsError, "anon key"),
        (jwt(role="authenticated", exp=NOW + 60), SettingsError, "signed-in user"),
        ("sbp_0123456789abcdef", SettingsError, "management"),
        ("sb_other_abc", SettingsError, "does not know"),
        (jwt(role="service_role", exp=NOW - 1), CatalogDenied, "expired"),
        (jwt(role="service_role", ref="zzzzzzzzzzzzzzzzzzzz"), SettingsError, "zzzzzzzz"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2Vydml", SettingsError, "part of it may be missing"),
        ("eyJh.!!!.sig", SettingsError, "part of it"),
        ("a.W10.c", SettingsError, "part of it"),
        ("hunter2", SettingsError, "neither"),
    ],
)
def test_other_keys_are_refused_with_what_to_use(
    key: str, kind: type[S3SyncError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        check_key(key, PROJECT, now=NOW)
    assert words in caught.value.message
    assert key not in caught.value.message + caught.value.hint
    if "zzz" not in words:
        assert "sb_secret_" in caught.value.hint
        assert "Project Settings > API Keys" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "name", "dashboard", "in_clear"),
    [
        (PROJECT.url, PROJECT.ref, f"https://supabase.com/dashboard/project/{PROJECT.ref}/", False),
        ("https://data.example.com", "data.example.com", "", False),
        ("http://data.example.com:8000", "data.example.com:8000", "", True),
        ("http://127.0.0.1:54321", "127.0.0.1:54321", "", False),
        ("http://[::1]:54321", "[::1]:54321", "", False),
        ("http://localhost:54321", "localhost:54321", "", False),
        ("http://192.168.1.5:8000", "192.168.1.5:8000", "", True),
    ],
)
def test_projects_are_named(url: str, name: str, dashboard: str, in_clear: bool) -> None:
    project = Project(url)
    assert project.name == name
    assert project.dashboard("sql/new").startswith(dashboard)
    assert bool(project.dashboard("sql/new")) == bool(dashboard)
    assert project.sends_in_clear is in_clear

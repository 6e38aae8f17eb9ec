"""The stand-in for a Supabase project is like one: keys, roles, limits, and faults."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.database import DatabaseServer
from tests.support.postgrest_binary import postgrest_binary
from tests.support.supabase_stack import MAX_ROWS, SupabaseStack

WHO_AM_I = "/rest/v1/rpc/who_am_i"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def project(database_server: DatabaseServer) -> Iterator[SupabaseStack]:
    with SupabaseStack(database_server.database(with_schema=False)) as stack:
        stack.execute(
            "create function who_am_i() returns text language sql as 'select current_user::text'",
            "create table marks (id serial)",
            "create function make_mark() returns integer language sql as "
            "'insert into marks default values returning id'",
            "create function sleep(seconds float) returns text language sql volatile as "
            "$$ select pg_sleep(seconds)::text $$",
            "create table secrets (word text)",
            "alter table secrets enable row level security",
            "insert into secrets select repeat('x', n) from generate_series(1, 1500) n",
        )
        stack.reload_schema()
        yield stack


@pytest.fixture(autouse=True)
def _unbroken(project: SupabaseStack) -> None:
    project.gateway.reset()


def ask(
    project: SupabaseStack,
    key: str | None,
    *,
    bearer: str | None = None,
    agent: str = "test",
    path: str = WHO_AM_I,
    arguments: dict[str, object] | None = None,
) -> httpx.Response:
    headers = {"User-Agent": agent}
    if key is not None:
        headers["apikey"] = key
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return httpx.post(project.url + path, headers=headers, json=arguments or {})


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("publishable_key", "anon"),
        ("secret_key", "service_role"),
        ("anon_key", "anon"),
        ("service_role_key", "service_role"),
    ],
)
def test_each_kind_of_key_acts_as_its_role(project: SupabaseStack, name: str, role: str) -> None:
    key = getattr(project, name)
    alone, twice = ask(project, key), ask(project, key, bearer=key)
    assert alone.json() == twice.json() == role


def test_a_signed_in_user_comes_with_a_low_key(project: SupabaseStack) -> None:
    token = project.user_token()
    for key in (project.publishable_key, project.anon_key):
        assert ask(project, key, bearer=token).json() == "authenticated"
    assert ask(project, token).status_code == 401  # no API key


def test_wrong_keys_are_answered_as_supabase_does(project: SupabaseStack) -> None:
    none = ask(project, None)
    assert none.status_code == 401
    assert none.json()["message"] == "No API key found in request"
    assert none.json()["hint"] == "No `apikey` request header or url param was found."
    unknown = ask(project, "eyJhbGciOiJIUzI1NiJ9.e30.xxxx")
    assert (unknown.status_code, unknown.json()["message"]) == (401, "Invalid API key")
    other_project = ask(project, "sb_secret_of_another_project")
    assert other_project.status_code == 401
    two_keys = ask(project, project.publishable_key, bearer=project.secret_key)
    assert two_keys.status_code == 401
    expired = ask(project, project.expired_key)
    assert (expired.status_code, expired.json()["message"]) == (401, "JWT expired")


def test_a_secret_key_is_refused_to_browsers(project: SupabaseStack) -> None:
    assert ask(project, project.secret_key, agent=BROWSER).status_code == 401
    assert ask(project, project.service_role_key, agent=BROWSER).json() == "service_role"
    assert ask(project, project.publishable_key, agent=BROWSER).json() == "anon"


def test_row_level_security_hides_rows_from_low_keys_only(project: SupabaseStack) -> None:
    address = f"{project.url}/rest/v1/secrets?select=word"
    low = httpx.get(address, headers={"apikey": project.publishable_key})
    high = httpx.get(address, headers={"apikey": project.secret_key})
    assert low.json() == []
    assert len(high.json()) == MAX_ROWS  # of 1,500: no answer is longer


def test_other_paths_are_not_there(project: SupabaseStack) -> None:
    assert ask(project, project.secret_key, path="/auth/v1/user").status_code == 404


def test_answers_can_be_replaced(project: SupabaseStack) -> None:
    project.gateway.answer_next(503, times=2, body={"message": "no"}, headers={"Retry-After": "1"})
    first, second, third = (ask(project, project.secret_key) for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (503, 503, 200)
    assert first.json() == {"message": "no"}
    assert first.headers["Retry-After"] == "1"
    project.gateway.answer_next(540, path="/rpc/make_mark")
    assert ask(project, project.secret_key).status_code == 200
    assert project.gateway.pending_faults() == 1


@pytest.mark.parametrize(("when", "arrives"), [("before", 0), ("after", 1), ("midway", 1)])
def test_connections_can_be_cut(project: SupabaseStack, when: str, arrives: int) -> None:
    path = "/rest/v1/rpc/make_mark"
    before = ask(project, project.secret_key, path=path).json()
    project.gateway.drop_next(when)
    with pytest.raises(httpx.TransportError):
        ask(project, project.secret_key, path=path)
    assert ask(project, project.secret_key, path=path).json() == before + arrives + 1


def test_traffic_is_counted(project: SupabaseStack) -> None:
    ask(project, project.secret_key, arguments={})
    ask(project, project.secret_key, path=f"{WHO_AM_I}?filler={'x' * 500}")
    traffic = project.gateway.traffic()
    assert traffic.requests == 2
    assert traffic.bytes_up == 4
    assert traffic.longest_url > 500
    assert traffic.bytes_down >= len('"service_role"')


def test_postgrest_can_go_away_and_come_back(project: SupabaseStack) -> None:
    project.stop_postgrest(kill=True)
    assert ask(project, project.secret_key).status_code == 502
    project.start_postgrest()
    assert ask(project, project.secret_key).json() == "service_role"


def test_a_role_can_be_given_a_statement_timeout(project: SupabaseStack) -> None:
    def sleep() -> httpx.Response:
        path, arguments = "/rest/v1/rpc/sleep", {"seconds": 0.5}
        return ask(project, project.secret_key, path=path, arguments={**arguments})

    project.set_statement_timeout("service_role", 100)
    try:
        assert sleep().json()["code"] == "57014"
    finally:
        project.set_statement_timeout("service_role", None)
    assert sleep().status_code == 200


def test_postgrest_is_installed_once() -> None:
    assert postgrest_binary() == postgrest_binary()
    assert postgrest_binary().stat().st_mode & 0o111

"""Nobody but the owner and the service role gets at anything of ours, tried through a
real PostgREST with every key that others may have."""

from __future__ import annotations

import httpx
import pytest

from s3sync_tui.catalog.schema import schema_sql
from tests.support.database import Connection
from tests.support.supabase_stack import SupabaseStack

DENIED = "42501"  # insufficient privilege
KEYLESS = "no key"

_TABLES = """
select c.relname, min(a.attname) from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
   and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
 group by 1 order by 1
"""
_FUNCTIONS = """
select p.proname, coalesce((
         select array_agg(a.name) from unnest(p.proargnames, p.proargmodes) a(name, mode)
         where coalesce(a.mode, 'i') = 'i'), '{}')
  from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1
"""

Headers = dict[str, str]


@pytest.fixture
def project(supabase: SupabaseStack, behind: Connection) -> SupabaseStack:
    """A project with some rows, and our schema for two tables."""
    behind.execute(schema_sql("photos").encode())
    behind.execute("""
        insert into images (filename) values ('secret.jpg');
        insert into photos (filename) values ('secret.jpg');
        insert into sync_runs (table_name, bucket, mode, holder)
          values ('images', 'b', 'full', 'x');
        insert into sync_leases (table_name, bucket, run_id, holder, expires_at)
          values ('images', 'b', 1, 'x', 'infinity')""")
    supabase.reload_schema()
    return supabase


def low_headers(project: SupabaseStack) -> dict[str, Headers]:
    user = {"Authorization": f"Bearer {project.user_token()}"}
    return {
        KEYLESS: {},
        "publishable": {"apikey": project.publishable_key},
        "anon": {"apikey": project.anon_key, "Authorization": f"Bearer {project.anon_key}"},
        "user": {"apikey": project.publishable_key} | user,
        "user, legacy": {"apikey": project.anon_key} | user,
    }


def is_refused(answer: httpx.Response, name: str) -> bool:
    if answer.status_code not in {401, 403}:
        return False
    return name == KEYLESS or answer.json()["code"] == DENIED


def contents(behind: Connection) -> dict[str, object]:
    """The number of rows of each table, and a hash over them."""
    return {
        str(table): behind.execute(
            f"select count(*), md5(coalesce(string_agg(t::text, '|'), '')) from \"{table}\" t"
        ).fetchone()
        for table, _ in behind.execute(_TABLES).fetchall()
    }


def test_no_table_can_be_read_or_written(project: SupabaseStack, behind: Connection) -> None:
    before = contents(behind)
    assert {"images", "images_archive", "images_counts", "photos", "sync_runs"} <= before.keys()
    for name, headers in low_headers(project).items():
        with httpx.Client(base_url=f"{project.url}/rest/v1", headers=headers) as client:
            for table, column in behind.execute(_TABLES).fetchall():
                row = {str(column): None}
                answers = {
                    "read": client.get(f"/{table}"),
                    "count": client.get(f"/{table}", headers={"Prefer": "count=exact"}),
                    "insert": client.post(f"/{table}", json=row),
                    "update": client.patch(f"/{table}", json=row),
                    "delete": client.delete(f"/{table}"),
                }
                for what, answer in answers.items():
                    assert is_refused(answer, name), f"{name}: {what} {table}: {answer.text}"
    assert contents(behind) == before


def test_no_function_can_be_called(project: SupabaseStack, behind: Connection) -> None:
    functions = behind.execute(_FUNCTIONS).fetchall()
    assert {"s3sync_insert", "s3sync_insert__photos", "s3sync_version"} <= {f[0] for f in functions}
    before = contents(behind)
    for name, headers in low_headers(project).items():
        with httpx.Client(base_url=f"{project.url}/rest/v1", headers=headers) as client:
            for function, arguments in functions:
                assert isinstance(arguments, list)
                answer = client.post(f"/rpc/{function}", json=dict.fromkeys(arguments))
                assert is_refused(answer, name), f"{name}: {function}: {answer.text}"
    assert contents(behind) == before


def test_the_service_role_can_do_what_a_sync_needs(
    project: SupabaseStack, behind: Connection
) -> None:
    for key in (project.secret_key, project.service_role_key):
        with httpx.Client(base_url=f"{project.url}/rest/v1", headers={"apikey": key}) as client:
            assert client.get("/images").json()[0]["filename"] == "secret.jpg"
            assert client.post("/rpc/s3sync_problems", json={}).json() == []

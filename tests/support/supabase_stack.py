"""A Supabase project on loopback, of real parts: a Postgres with Supabase's roles, a
PostgREST, and a gateway that treats API keys as the platform does.

It is a stand-in for ``https://<ref>.supabase.co``: the tests give its :attr:`url` and one
of its keys to whatever takes a project URL and a key.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import jwt
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.postgrest_binary import postgrest_binary

MAX_ROWS = 1000
"""Supabase's default: no answer has more rows."""

_READY_SECONDS = 30
_STOP_SECONDS = 10
_QUIET_SECONDS = 0.1  # notifications of one moment make several reloads
_YEAR_SECONDS = 365 * 24 * 3600
_GATEWAY = Path(__file__).with_name("supabase_gateway.py")

# As a project has them; roles belong to the whole server, which several tests may share.
# https://github.com/supabase/postgres/blob/develop/migrations/db/init-scripts/00000000000000-initial-schema.sql
_ROLES = """
do $$
declare
  v_role record;
begin
  for v_role in select * from (values ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'), ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit')) r(name, attributes) loop
    if not exists (select from pg_roles where rolname = v_role.name) then
      execute format('create role %I %s', v_role.name, v_role.attributes);
    end if;
  end loop;
end $$;
grant anon, authenticated, service_role to authenticator;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role service_role reset statement_timeout;
"""

# Supabase grants everything in public to the API's roles, and leaves it to row level
# security and to the tables' makers to take it back. Its event triggers tell PostgREST of
# every change to the schema:
# https://docs.postgrest.org/en/v12/references/schema_cache.html#automatic-schema-cache-reloading
_DATABASE = """
create schema if not exists extensions;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on sequences to anon, authenticated, service_role;
create or replace function extensions.pgrst_watch() returns event_trigger language plpgsql as
  $$ begin notify pgrst, 'reload schema'; end $$;
drop event trigger if exists pgrst_ddl_watch;
drop event trigger if exists pgrst_drop_watch;
create event trigger pgrst_ddl_watch on ddl_command_end
  execute function extensions.pgrst_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_watch();
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed the gateway since the last :meth:`Gateway.reset`."""

    requests: int
    posts: int
    bearers: int
    """Requests with an ``Authorization`` header."""
    ours: int
    """Requests whose ``User-Agent`` is s3sync-tui's."""
    bytes_up: int
    """Of the requests' bodies."""
    bytes_down: int
    longest_url: int
    """Characters."""
    most_in_flight: int
    faults: int
    """Requests that were answered or cut by a fault of ours."""


class Gateway:
    """The project's address, and the ways to break it."""

    def __init__(self, socket_path: Path, tokens: dict[str, str], port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_GATEWAY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        setup = {"socket": str(socket_path), "tokens": tokens, "port": port}
        self.port: int = self._tell(setup)["port"]

    @property
    def url(self) -> str:
        """The project URL."""
        return f"http://127.0.0.1:{self.port}"

    def answer_next(
        self,
        status: int,
        *,
        times: int = 1,
        body: object = "",
        headers: dict[str, str] | None = None,
        path: str = "",
    ) -> None:
        """Answer the next ``times`` requests whose path holds ``path`` with ``status``,
        without passing them on. ``body`` is sent as JSON unless it is a string."""
        self._fault("answer", times, path, status=status, body=body, headers=headers or {})

    def drop_next(self, when: str, *, times: int = 1, path: str = "") -> None:
        """Cut the connection of the next requests ``"before"`` they are passed on,
        ``"after"`` PostgREST has committed and answered, or ``"midway"`` through the
        answer."""
        self._fault(f"drop_{when}", times, path)

    def delay_next(self, seconds: float, *, times: int = 1, path: str = "") -> None:
        """Wait before passing on."""
        self._fault("delay", times, path, seconds=seconds)

    def accept_key(self, key: str, token: str) -> None:
        """From now on ``key`` is an API key, for which PostgREST gets ``token``."""
        self._tell({"do": "accept", "key": key, "token": token})

    def clear_faults(self) -> None:
        """Forget faults that have not come about."""
        self._tell({"do": "clear"})

    def pending_faults(self) -> int:
        """How many requests will still be broken."""
        return int(self._tell({"do": "pending"}))

    def traffic(self) -> Traffic:
        """What has passed so far."""
        return Traffic(**self._tell({"do": "counts"}))

    def reset(self) -> None:
        """Count from zero, and forget faults."""
        self.clear_faults()
        self._tell({"do": "reset"})

    def stop(self) -> None:
        """End it; nothing answers at :attr:`url` any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        _end(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _fault(
        self,
        kind: str,
        times: int,
        path: str,
        *,
        status: int = 0,
        body: object = "",
        headers: dict[str, str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        fault = {
            "kind": kind,
            "times": times,
            "path": path,
            "status": status,
            "body": body,
            "headers": headers or {},
            "seconds": seconds,
        }
        self._tell({"do": "fault", "fault": fault})

    def _tell(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the gateway ended with {self._process.wait(_STOP_SECONDS)}")
        return json.loads(line)


class SupabaseStack:
    """A project over the database of ``conninfo``, whose user must be a superuser.

    Keys are drawn anew for each, so that a test can look for them in messages. All
    methods block. As a context manager it starts and stops.
    """

    def __init__(self, conninfo: str, *, max_rows: int = MAX_ROWS, pool: int = 10) -> None:
        self.conninfo = conninfo
        self.jwt_secret = secrets.token_hex(32)
        self.publishable_key = f"sb_publishable_{secrets.token_urlsafe(16)}_{secrets.token_hex(4)}"
        self.secret_key = f"sb_secret_{secrets.token_urlsafe(16)}_{secrets.token_hex(4)}"
        self.anon_key = self.token("anon")
        self.service_role_key = self.token("service_role")
        self.expired_key = self.token("service_role", expires_in=-60)
        """A ``service_role`` key that the gateway knows and PostgREST finds expired."""
        self._max_rows = max_rows
        self._pool = pool
        self._directory: Path | None = None
        self._postgrest: subprocess.Popen[bytes] | None = None
        self._admin_port = 0
        self._log_begin = 0
        self._gateway: Gateway | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> SupabaseStack:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def gateway(self) -> Gateway:
        """The gateway; the project must be running."""
        assert self._gateway is not None, "the stack is not started"
        return self._gateway

    @property
    def url(self) -> str:
        """The project URL, as a user would copy it from the dashboard."""
        return self.gateway.url

    def token(self, role: str, *, expires_in: float = 10 * _YEAR_SECONDS, **claims: object) -> str:
        """A JWT of this project for ``role``, like a legacy API key or a signed-in user's
        access token. ``expires_in`` is in seconds from now."""
        now = int(time.time())
        payload = {"iss": "supabase", "role": role, "iat": now, "exp": int(now + expires_in)}
        return jwt.encode(payload | claims, self.jwt_secret, algorithm="HS256")

    def user_token(self, user: str = "3f0f2d0e-0000-4000-8000-000000000001") -> str:
        """The access token of a signed-in user (role ``authenticated``)."""
        return self.token("authenticated", expires_in=3600, sub=user)

    def start(self) -> None:
        """Prepare the database, and start PostgREST and the gateway."""
        self.execute(_ROLES, _DATABASE)
        # A short path: sockets' names hold 108 bytes.
        self._directory = Path(tempfile.mkdtemp(prefix="s3sync-supabase-"))
        self._log = (self._directory / "postgrest.log").open("ab")
        try:
            self.start_postgrest()
            service_role = self.token("service_role")
            self._gateway = Gateway(
                self._socket,
                {
                    self.publishable_key: self.token("anon"),
                    self.secret_key: service_role,
                    self.anon_key: self.anon_key,
                    self.service_role_key: self.service_role_key,
                    self.expired_key: self.expired_key,
                },
            )
        except BaseException:
            self.stop()
            raise

    def move_to(self, conninfo: str) -> None:
        """Become the project over another database: URL and keys stay."""
        self.stop_postgrest()
        self.conninfo = conninfo
        self.execute(_DATABASE)
        self.start_postgrest()

    def stop(self) -> None:
        """Stop both; the database stays."""
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None
        self.stop_postgrest()
        if self._log is not None:
            self._log.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def start_postgrest(self) -> None:
        """Start PostgREST, and wait until it has read the schema."""
        self._socket.unlink(missing_ok=True)
        self._admin_port = _free_port()
        self._log_begin = len(self.log())
        self._postgrest = subprocess.Popen(
            [postgrest_binary()],
            env={"PATH": os.environ.get("PATH", ""), **self._configuration()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self.wait_ready()

    def stop_postgrest(self, *, kill: bool = False) -> None:
        """Stop PostgREST, or kill it without warning; the gateway answers 502 then."""
        if self._postgrest is not None:
            if kill:
                self._postgrest.kill()
            _end(self._postgrest)
            self._postgrest = None

    def wait_ready(self) -> None:
        """Wait until PostgREST's admin server says that it serves."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if self._postgrest is None or self._postgrest.poll() is not None:
                raise RuntimeError(f"PostgREST ended:\n{self.log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgREST is not ready:\n{self.log()}")
            time.sleep(0.02)

    def reload_schema(self) -> None:
        """Make PostgREST read schema and configuration again, and wait until it has."""
        before, _ = self._times_loaded()
        deadline = time.monotonic() + _READY_SECONDS
        quiet_since = notified_at = 0.0
        while True:
            now = time.monotonic()
            loaded, is_loading = self._times_loaded()
            if loaded <= before or is_loading:
                quiet_since = now
            elif now - quiet_since >= _QUIET_SECONDS and self._is_ready():
                return
            if now > deadline:
                raise RuntimeError(f"PostgREST does not reload the schema:\n{self.log()}")
            if loaded <= before and now - notified_at > 1:  # while it reloads, it hears nothing
                self.execute("notify pgrst, 'reload schema'")
                notified_at = now
            time.sleep(0.02)

    def set_statement_timeout(self, role: str, milliseconds: int | None) -> None:
        """Give ``role`` a statement timeout, as ``alter role … set statement_timeout``
        does in the SQL editor; ``None`` takes it back. The roles are the server's: take
        it back after the test."""
        command = (
            sql.SQL("alter role {} reset statement_timeout").format(sql.Identifier(role))
            if milliseconds is None
            else sql.SQL("alter role {} set statement_timeout = {}").format(
                sql.Identifier(role), sql.Literal(f"{milliseconds}ms")
            )
        )
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(command)
        self.reload_schema()

    def execute(self, *statements: str) -> None:
        """Run SQL as the database's owner, as the SQL editor does."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def log(self) -> str:
        """What PostgREST has logged."""
        return (self._place / "postgrest.log").read_text(errors="replace")

    @property
    def _place(self) -> Path:
        assert self._directory is not None, "the stack is not started"
        return self._directory

    @property
    def _socket(self) -> Path:
        return self._place / "postgrest.sock"

    def _configuration(self) -> dict[str, str]:
        # https://docs.postgrest.org/en/v12/references/configuration.html
        conninfo = conninfo_to_dict(self.conninfo)
        conninfo = {name: value for name, value in conninfo.items() if value != ""}
        conninfo |= {"user": "authenticator", "password": None}
        return {
            "PGRST_DB_URI": make_conninfo("", **conninfo),
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_EXTRA_SEARCH_PATH": "public, extensions",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_MAX_ROWS": str(self._max_rows),
            "PGRST_DB_POOL": str(self._pool),
            "PGRST_DB_POOL_ACQUISITION_TIMEOUT": "10",
            "PGRST_JWT_SECRET": self.jwt_secret,
            "PGRST_SERVER_UNIX_SOCKET": str(self._socket),
            "PGRST_ADMIN_SERVER_PORT": str(self._admin_port),
            "PGRST_LOG_LEVEL": "warn",
        }

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._admin_port}/ready", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _times_loaded(self) -> tuple[int, bool]:
        """How often this PostgREST has read the schema, and whether it is reading it."""
        log = self.log()[self._log_begin :]
        loaded = log.count("Schema cache loaded")
        return loaded, log.count("Starting PostgREST") > loaded


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

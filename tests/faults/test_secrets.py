"""No secret comes out: whatever command runs, whatever fails, whoever says it back.

Secrets are planted wherever they are given or fetched; then everything that the program says or
writes is searched for them, and for pieces of them, plain and encoded.
"""

from __future__ import annotations

import json
import logging
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from html import unescape
from pathlib import Path
from pprint import pformat
from urllib.parse import quote

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.connect import Opener, sync_options
from s3sync_tui.headless.placing import Placed
from s3sync_tui.settings import SETTINGS, load_settings
from s3sync_tui.settings.given import Given, Level
from s3sync_tui.setup.answers import Answers
from s3sync_tui.source.endpoint import Signed
from s3sync_tui.source.signing import Signer
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.state import Standing
from tests.integration.test_app import shown, standing, until
from tests.support.bucket import MotoBucket
from tests.support.canaries import leaks
from tests.support.command import Command
from tests.support.database import Connection, DatabaseServer
from tests.support.echoing import Way, echoing
from tests.support.sampling import IS_WHOLE
from tests.support.served import serving
from tests.support.settings import settings_of
from tests.support.supabase_stack import SupabaseStack

AWS_SECRET = "cAnAwS/k3y+wJalrXUtnFEMI/K7MDENGbPxR12xy"
SESSION = "IQoJcAnSess" + "x9+/Zq7Lw=" * 20
PASSWORD = "cAn#db@pa:ss w/rd%é"
TOKEN = "cAnServeT0ken~4711-abcdef"
PROXY_PASSWORD = "cAn#pr0xy@pass"
SQS = "https://sqs.us-east-1.amazonaws.com/123456789012/images"


@dataclass
class Watched:
    """The command, with canaries in its environment; what it says is searched."""

    command: Command
    secrets: list[str] = field(default_factory=list)
    searched: int = 0
    said: str = ""
    """All of it, for what a test wants to find."""

    def run(self, *arguments: str, typed: str = "", **environ: str) -> int:
        command = Command(self.command.directory, self.command.environ | environ)
        ended = command.run(*arguments, typed=typed)
        self.search(ended.out, *arguments)
        self.search(ended.err, *arguments)
        if "--json" in arguments and ended.out:
            json.loads(ended.out)
        return ended.code

    def search(self, text: str, *where: str) -> None:
        self.searched += len(text)
        self.said += text
        found = leaks(text, self.secrets)
        assert not found, (where, found)

    def search_files(self) -> None:
        """A file that holds a secret is one that was planted, or its owner's alone."""
        for file in self.command.directory.rglob("*"):
            if file.is_file() and "planted" not in file.resolve().parts:
                text = file.read_text(errors="replace")
                self.searched += len(text)
                if leaks(text, self.secrets):
                    assert file.suffix == ".env", file
                    assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(
        Command(
            tmp_path,
            {
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
                "AWS_SESSION_TOKEN": SESSION,
                "AWS_REGION": "us-east-1",
                "S3SYNC_HTTP_TOKEN": TOKEN,
                "S3SYNC_BUCKET": "some-bucket",
            },
        ),
        [AWS_SECRET, SESSION, PASSWORD, TOKEN, PROXY_PASSWORD],
    )


@pytest.fixture
def guarded(
    database_server: DatabaseServer, catalog_database: str, behind: Connection
) -> Iterator[str]:
    """The database's URL, for a user that needs the password."""
    database_server.require_password("canary")
    behind.execute(
        sql.SQL("create role canary superuser login password {}").format(sql.Literal(PASSWORD))
    )
    yield url_of(catalog_database, PASSWORD)
    behind.execute("drop role canary")


def url_of(conninfo: str, password: str) -> str:
    parts = {k: str(v) for k, v in conninfo_to_dict(conninfo).items()}
    place = f"host={quote(parts['host'], safe='')}" + (
        f"&port={parts['port']}" if "port" in parts else ""
    )
    return f"postgresql://canary:{quote(password, safe='')}@/{parts['dbname']}?{place}"


def runs_in(connection: Connection) -> str:
    rows = connection.execute("select to_jsonb(r)::text from sync_runs r").fetchall()
    return "\n".join(str(row[0]) for row in rows)


DEBUG = ("--log-level", "debug")
EVERY_COMMAND: list[tuple[str, ...]] = [
    ("--once", *DEBUG, "--log-file", "run.log"),
    ("--once", "--json", *DEBUG, "--log-format", "json"),
    ("--once", "--dry-run"),
    (*DEBUG, "health"),
    ("health", "--json"),
    (*DEBUG, "growth"),
    ("history",),
    ("history", "--json"),
    ("schema", "--apply"),
    (*DEBUG, "notifications"),
    ("install-timer", "--user"),
]


def test_commands_that_succeed_say_none(
    watched: Watched,
    guarded: str,
    bucket: MotoBucket,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    watched.command.environ |= {
        "DATABASE_URL": guarded,
        "S3SYNC_BUCKET": bucket.name,
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
        "AWS_ENDPOINT_URL_SQS": bucket.endpoint,
        "AWS_ENDPOINT_URL_STS": bucket.endpoint,
        "HTTPS_PROXY": f"http://me:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:9",
        "all_proxy": f"http://me:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:9",
        "no_proxy": "127.0.0.1",
    }
    some = EVERY_COMMAND if IS_WHOLE else [*EVERY_COMMAND[:2], ("history",), EVERY_COMMAND[9]]
    some.append(("install-timer", "--user", "--write"))
    if IS_WHOLE:
        some += [("install-timer", "--user", way) for way in ("--cron", "--worker")]
        answers = "\n".join([bucket.name, "", "", "", "2", guarded, "", "n", "n", "n"])
        watched.run("init", typed=answers)
    for arguments in some:
        assert watched.run(*arguments) == 0, arguments
    watched.search(runs_in(behind), "sync_runs")
    watched.search_files()
    # It was not for want of looking: the debug log has a line about the request that was signed.
    assert "debug" in watched.said
    assert (watched.command.directory / "run.log").exists()
    record_property("commands", len(some))
    record_property("characters searched", watched.searched)


def test_watch_and_serve_say_none(
    watched: Watched, guarded: str, bucket: MotoBucket, behind: Connection
) -> None:
    watched.command.environ |= {
        "DATABASE_URL": guarded,
        "S3SYNC_BUCKET": bucket.name,
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
    }
    with serving(watched.command, "--log-level", "debug", token=TOKEN) as server:
        for method, path in (
            ("POST", "/api/sync?wait=true"),
            ("GET", "/api/runs"),
            ("GET", "/api/health"),
            ("GET", "/api/growth"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("GET", f"/nowhere/{quote(TOKEN)}"),
        ):
            answer = server.ask(method, path, TOKEN)
            watched.search(f"{answer.headers} {answer.text}".replace(f"/{TOKEN}", ""), path)
        refused = server.ask("GET", "/api/runs", f"{TOKEN}-not-quite")
        assert refused.status_code == 401
        watched.search(f"{refused.headers} {refused.text}", "refused")
        assert server.stop() == 143
        watched.search("".join(server.log), "serve")
    process = watched.command.start("watch", "--log-level", "debug")
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "next run at" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    watched.search(said, "watch")
    watched.search(runs_in(behind), "sync_runs")


FAILURES: list[tuple[int, Way, str]] = [
    (403, "xml", ""),
    (403, "xml", "AccessDenied"),
    (400, "xml", "InvalidRequest"),
    (307, "redirect", ""),
    (403, "reason", ""),
    (404, "html", ""),
    (501, "xml", ""),
]


@pytest.mark.parametrize(
    ("status", "way", "code"), FAILURES if IS_WHOLE else [FAILURES[n] for n in (0, 3)]
)
def test_an_endpoint_that_says_back_what_was_signed(
    watched: Watched,
    catalog_database: str,
    behind: Connection,
    status: int,
    way: Way,
    code: str,
) -> None:
    """A presigned URL and its token in code, message, region, headers and redirects."""
    with echoing(status, way, besides=AWS_SECRET, code=code) as server:
        watched.command.environ |= {
            "DATABASE_URL": catalog_database,
            "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_ENDPOINT_URL_SQS": server.url,
            "AWS_ENDPOINT_URL_STS": server.url,
        }
        for arguments in EVERY_COMMAND if IS_WHOLE else EVERY_COMMAND[:1]:
            watched.run(*arguments)
        watched.secrets += signatures(server.seen)
    assert "X-Amz-Signature" in " ".join(server.seen)
    watched.search(watched.said, "all, for signatures")
    watched.search(runs_in(behind), "sync_runs")
    watched.search_files()


def signatures(seen: list[str]) -> list[str]:
    """What the requests were signed with."""
    return [
        value
        for said in seen
        for part in said.replace("?", "&").split("&")
        if part.startswith("X-Amz-Signature=") and (value := part.partition("=")[2][:64])
    ]


@pytest.mark.parametrize("is_legacy", [False, True] if IS_WHOLE else [True])
@pytest.mark.parametrize(
    ("status", "way", "code"),
    [
        (401, "json", ""),
        (400, "json", "42501"),
        (404, "json", "PGRST202"),
        (301, "redirect", ""),
        (403, "reason", ""),
        (409, "json", "23505"),
    ]
    if IS_WHOLE
    else [(401, "json", "")],
)
def test_a_gateway_that_says_back_the_key(
    watched: Watched,
    supabase_stack: SupabaseStack,
    status: int,
    way: Way,
    code: str,
    is_legacy: bool,
) -> None:
    key = supabase_stack.service_role_key if is_legacy else supabase_stack.secret_key
    watched.secrets.append(key.removeprefix("sb_secret_"))  # which hints have, too
    name = "SUPABASE_SERVICE_ROLE_KEY" if is_legacy else "SUPABASE_SECRET_KEY"
    with echoing(status, way, code=code) as server:
        watched.command.environ |= {"SUPABASE_URL": server.url, name: key}
        some = [("--once", *DEBUG), (*DEBUG, "health"), ("history", "--json")]
        for arguments in some if IS_WHOLE else some[:1]:
            assert watched.run(*arguments) != 0
    assert key in " ".join(server.seen)
    watched.search_files()


@pytest.mark.parametrize("password", ["wrong-cAnOther#db@pa:ss", PASSWORD])
def test_a_database_that_refuses_or_is_not_there(
    watched: Watched, guarded: str, catalog_database: str, password: str
) -> None:
    watched.secrets.append(password)
    url = url_of(catalog_database, password)
    if password == PASSWORD:
        url = url.replace("?host=", "?host=/nowhere")
    watched.command.environ["DATABASE_URL"] = url
    assert watched.run("--once", "--json", *DEBUG) == 4
    if IS_WHOLE:
        assert watched.run("health", "--database-url", url) == 4


URLS = [
    f"postgresql://me:{PASSWORD}@127.0.0.1/db",
    f"host=127.0.0.1 password='{PASSWORD}' dbname=x nonsense=1",
    f"postgresql://me:{PASSWORD.replace(' ', '')}@127.0.0.1/db",
    f"postgres://me:{quote(PASSWORD)}@h:99999/db",
    f"postgresql://me:x@h/db?password={quote(PASSWORD)}&pgbouncer=true",
    f"mysql://me:{PASSWORD}@h/db",
]


@pytest.mark.parametrize("url", URLS if IS_WHOLE else URLS[:2])
def test_a_connection_string_that_will_not_do(watched: Watched, url: str) -> None:
    """In its own place, on a flag, in the file, and where something else belongs."""
    planted = watched.command.directory / "planted"
    planted.mkdir()
    file = planted / "s3sync.toml"
    file.write_text(f"database_url = {json.dumps(url, ensure_ascii=False)}\n")
    some = [
        ("history", url),
        ("history", "--config", str(file)),
        ("history", "--database-url", url),
        ("history", "--supabase-url", url),
        ("health", "--endpoint", url),
        ("--once", f"--timeout={url}"),
    ]
    for arguments in some if IS_WHOLE else some[:2]:
        assert watched.run(*arguments) == 2, arguments
    if IS_WHOLE:
        assert watched.run("history", DATABASE_URL=url) == 2


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://me:{PROXY_PASSWORD}@127.0.0.1:9",
        f"me:{PROXY_PASSWORD}@127.0.0.1:9",
        f"http://me:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:PORT",
        f"me:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:PORT",
    ],
)
def test_a_proxy_that_says_back_its_password(
    watched: Watched, catalog_database: str, proxy: str
) -> None:
    is_readable = "PORT" in proxy
    with echoing(407, "html") as server:
        proxy = proxy.replace("PORT", server.url.rpartition(":")[2])
        environ = {"DATABASE_URL": catalog_database, "http_proxy": proxy, "no_proxy": ""}
        environ["AWS_ENDPOINT_URL_S3"] = "http://s3.example.com"
        code = watched.run("--once", *DEBUG, **environ)
        assert code == (3 if is_readable else 2)
        assert bool(server.seen) == is_readable
        if IS_WHOLE:
            watched.run("install-timer", "--user", **environ)


LOGINS = ["sts", "sso", "process says", "process prints", "process is none", "container"]
START = "https://example.awsapps.com/start"


@pytest.mark.parametrize("login", LOGINS if IS_WHOLE else LOGINS[1:3])
def test_a_login_service_that_says_back_what_it_got(
    watched: Watched, catalog_database: str, login: str
) -> None:
    """Web identity, IAM Identity Center, credential_process, ECS."""
    token = "cAnWbId7T0ken" + "q8Zp" * 12
    watched.secrets.append(token)
    planted = watched.command.directory / ".aws" / "planted"
    with echoing(403, "xml" if login == "sts" else "json", besides=AWS_SECRET) as server:
        environ = {
            "DATABASE_URL": catalog_database,
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_SESSION_TOKEN": "",
            **plant_login(login, token, planted, server.url),
        }
        assert watched.run("--once", *DEBUG, **environ) == 3
        if IS_WHOLE:
            assert watched.run("notifications", **environ) == 3
    assert "No credentials" in watched.said
    if not login.startswith("process"):
        assert token in " ".join(server.seen)
    watched.search_files()


def plant_login(login: str, token: str, planted: Path, service: str) -> dict[str, str]:
    """Whom botocore is to ask, by files in ``planted`` and variables."""
    planted.mkdir(parents=True)
    (planted / "token").write_text(token)
    config = planted / "config"
    environ = {"AWS_CONFIG_FILE": str(config)}
    match login:
        case "sts":
            return {
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(planted / "token"),
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
                "AWS_ENDPOINT_URL_STS": service,
            }
        case "container":
            return {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{service}/creds",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
            }
        case "sso":
            config.write_text(
                f"[profile p]\nsso_start_url = {START}\nsso_region = us-east-1\n"
                "sso_account_id = 123456789012\nsso_role_name = x\n"
            )
            kept = {"startUrl": START, "region": "us-east-1", "accessToken": token}
            cache = planted.parent / "sso" / "cache"
            cache.mkdir(parents=True)
            (cache / "planted").mkdir()
            file = cache / f"{sha1(START.encode()).hexdigest()}.json"
            file.symlink_to(cache / "planted" / "token.json")
            file.write_text(json.dumps(kept | {"expiresAt": "2099-01-01T00:00:00Z"}))
            return environ | {"AWS_PROFILE": "p", "AWS_ENDPOINT_URL_SSO": service}
    (planted / "login.sh").write_text(
        {
            "process says": f"echo refused: {token} >&2; exit 1",
            "process prints": f'echo \'{{"Version": "{token}"}}\'',
            "process is none": f"echo {token}",
        }[login]
    )
    config.write_text(f"[profile p]\ncredential_process = sh {planted / 'login.sh'}\n")
    return environ | {"AWS_PROFILE": "p"}


def test_a_login_that_comes_from_a_program_is_as_secret_as_any(
    watched: Watched, catalog_database: str
) -> None:
    """A key that nobody gave to us: botocore has fetched it, and the endpoint says it back."""
    secret, session = "cAnFetched/" + "k9+Y" * 8, "IQoJcAnFetched" + "w7/T" * 40
    watched.secrets += [secret, session]
    planted = watched.command.directory / "planted"
    planted.mkdir()
    login = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": secret}
    (planted / "login.json").write_text(json.dumps(login | {"SessionToken": session}))
    (planted / "config").write_text(
        f"[profile process]\ncredential_process = cat {planted / 'login.json'}\n"
    )
    with echoing(403, "xml", besides=f"secret was {secret}") as server:
        code = watched.run(
            *("--once", *DEBUG),
            DATABASE_URL=catalog_database,
            AWS_ENDPOINT_URL_S3=server.url,
            AWS_PROFILE="process",
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
            AWS_SESSION_TOKEN="",
            AWS_CONFIG_FILE=str(planted / "config"),
        )
    assert code == 3
    assert session in " ".join(server.seen) or quote(session, safe="") in " ".join(server.seen)
    watched.search_files()


async def test_the_dashboard_shows_none(
    monkeypatch: pytest.MonkeyPatch, guarded: str, behind: Connection, tmp_path: Path
) -> None:
    """In no panel, toast, detail, log line, and in no picture that is taken of it."""
    for name, value in (("AWS_SECRET_ACCESS_KEY", AWS_SECRET), ("AWS_SESSION_TOKEN", SESSION)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    planted = [AWS_SECRET, SESSION, PASSWORD]
    logging.getLogger("s3sync_tui.tests").warning("kept by nobody: %s", PASSWORD)
    with echoing(403, "xml", besides=f"{AWS_SECRET} {PASSWORD}") as server:
        flags = {"bucket": "some-bucket", "endpoint": server.url, "database_url": guarded}
        app = S3SyncApp(settings_of(**flags))
        async with app.run_test(size=(160, 50)) as pilot:
            await until(pilot, lambda: standing(pilot) is Standing.BUCKET_UNREACHABLE)
            await pilot.press("s")
            failed = "select from sync_runs where status = 'failed'"
            await until(pilot, lambda: behind.execute(failed).fetchall() and not app.is_syncing)
            logging.getLogger("s3sync_tui.tests").warning("the log is told of %s", PASSWORD)
            seen = []
            for keys in ((), ("l",), ("l", "3", "enter"), ("j",), ("escape", "2"), ("f",)):
                await pilot.press(*keys)
                await pilot.pause(0.2)
                seen += [shown(pilot), unescape(app.export_screenshot()).replace("\xa0", " ")]
    assert server.seen
    text = "\n".join(seen)
    assert "the log is told of …" in text
    assert "refuses" in text
    assert not leaks(text, planted)
    assert not leaks(runs_in(behind), planted)


def test_what_is_printed_of_objects_holds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """repr and str, as a debugger, a test or a crash reporter shows them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    url = f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1/db"
    key = "sb_secret_cAnRepr0123456789_abcdef"
    environ = {"SUPABASE_URL": "https://x.supabase.co", "SUPABASE_SECRET_KEY": key}
    environ |= {"S3SYNC_HTTP_TOKEN": TOKEN}
    loaded = load_settings({}, environ=environ, config=None, directory=Path("/nowhere"))
    with_url = settings_of(database_url=url, bucket="some-bucket")
    signer = Signer(
        "some-bucket", endpoint=None, region=None, profile=None, addressing_style="auto"
    )
    signed = Signed(signer.sign("list_objects_v2", EncodingType="url"), 0.0)
    assert "X-Amz-Signature" in signed.url
    project = SupabaseCatalog("https://x.supabase.co", key, table="images")
    objects: list[object] = [
        loaded,
        loaded.settings,
        loaded.settings.model_dump(),
        loaded.settings.model_dump_json(),
        with_url,
        with_url.model_dump(),
        list(with_url),
        Opener(with_url),
        sync_options(with_url, dry_run=False),
        PostgresCatalog(url, table="images", description="db"),
        project,
        signer,
        signed,
        Given(SETTINGS[8], Level.FLAG, "--database-url", url, Path("/")),
        Placed(Path("/x.env"), f"DATABASE_URL={url}", is_secret=True),
        Answers({}, "postgres", url),
    ]
    signature = signed.url.partition("X-Amz-Signature=")[2][:64]
    planted = [AWS_SECRET, SESSION, PASSWORD, TOKEN, key, signature]
    for each in objects:
        assert not leaks(f"{each!r} {each!s} {pformat(each)}", planted), type(each)

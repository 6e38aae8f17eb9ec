"""Nothing goes to a server that cannot prove who it is; and what is wrong is said."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import certifi
import pytest

from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.errors import (
    BucketUnreachable,
    CatalogUnreachable,
    QueueError,
    S3SyncError,
    SettingsError,
)
from s3sync_tui.source.queue import SqsQueue
from s3sync_tui.source.s3 import S3Source
from tests.support.certificates import Authority, old_server
from tests.support.raw_server import Pieces, answer, raw_server

pytestmark = pytest.mark.usefixtures("credentials", "no_variables")

Way = Callable[[str, Path | None], Awaitable[None]]
VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def by_bucket(address: str, ca_bundle: Path | None = None) -> None:
    """The hot path: aiohttp."""
    source = S3Source(
        "bucket-x",
        endpoint=f"https://{address}",
        addressing_style="path",
        ca_bundle=ca_bundle,
        retry_base_seconds=0.001,
    )
    try:
        await source.open()
    finally:
        await source.close()


async def by_queue(address: str, ca_bundle: Path | None = None) -> None:
    """All else of AWS: botocore."""
    queue = SqsQueue(f"https://{address}/1/images", region="us-east-1", ca_bundle=ca_bundle)
    try:
        await queue.open()
    finally:
        await queue.close()


async def by_rest(address: str, _: Path | None = None) -> None:
    """The REST API: httpx."""
    key = "sb_secret_of_tests_0123456789"
    catalog = SupabaseCatalog(f"https://{address}", key, table="images", patience_seconds=0)
    try:
        await catalog.open()
    finally:
        await catalog.close()


async def refused(way: Way, address: str, ca_bundle: Path | None = None) -> S3SyncError:
    with pytest.raises(S3SyncError) as raised:
        await way(address, ca_bundle)
    error = raised.value
    assert error.hint
    assert error.exit_code in {2, 3, 4}
    return error


Servers = dict[str, tuple[ssl.SSLContext, str, str]]


@pytest.fixture(scope="module")
def servers(authority: Authority) -> Servers:
    """By what is wrong with them: what is said of it, and what to do."""
    return {
        "of nobody's authority": (authority.context(is_own=True), "self-signed", "own authority"),
        "of an unknown authority": (authority.context(), "issuer", "own authority"),
        "expired": (authority.context(days=(-9, -1)), "expired", "renewed"),
        "of the future": (authority.context(days=(3, 9)), "not yet valid", "clock"),
        "another's": (authority.context(host="elsewhere.example"), "mismatch", "host name"),
    }


@pytest.mark.parametrize("way", [by_bucket, by_rest])
async def test_who_cannot_prove_itself_gets_nothing(
    way: Way, authority: Authority, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, (context, said, remedy) in servers.items():
        asked: list[str] = []

        def note(line: str, _number: int, asked: list[str] = asked) -> Pieces:
            asked.append(line)
            return answer()

        is_known = said not in {"issuer", "self-signed"}
        if is_known:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with raw_server(note, context) as address:
            error = await refused(way, address, authority.file if is_known else None)
        assert isinstance(error, BucketUnreachable | CatalogUnreachable)
        assert "certificate is not to be trusted" in error.message, (name, error.message)
        assert said in error.message, (name, error.message)
        assert remedy in error.hint, (name, error.hint)
        assert asked == [], name


async def test_a_queue_that_cannot_prove_itself_gets_nothing(authority: Authority) -> None:
    with raw_server(lambda _line, _number: answer(), authority.context()) as address:
        error = await refused(by_queue, address)
    assert isinstance(error, QueueError)
    assert "certificate is not to be trusted" in error.message
    assert "AWS_CA_BUNDLE" in error.hint


@pytest.mark.parametrize(
    ("way", "variable"),
    [
        (by_bucket, "SSL_CERT_FILE"),
        (by_bucket, "REQUESTS_CA_BUNDLE"),
        (by_bucket, ""),
        (by_queue, "SSL_CERT_FILE"),
        (by_queue, "REQUESTS_CA_BUNDLE"),
        (by_queue, "AWS_CA_BUNDLE"),
        (by_queue, ""),
        (by_rest, "SSL_CERT_FILE"),
    ],
)
async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    way: Way, variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the variable, or without one, in the setting ``ca_bundle``."""
    asked: list[str] = []

    def note(line: str, _number: int) -> Pieces:
        asked.append(line)
        return answer(b'{"Attributes": {}}' if way is by_queue else b"4", 200, "application/json")

    if variable:
        monkeypatch.setenv(variable, str(authority.file))
    # It answers, but nothing of use.
    with raw_server(note, authority.context()) as address, suppress(S3SyncError):
        await way(address, None if variable else authority.file)
    assert asked


@pytest.mark.parametrize("way", [by_bucket, by_rest])
@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", ""])
async def test_directories_of_authorities_are_trusted_as_others_trust_them(
    way: Way, variable: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own, too, beside a file that ``SSL_CERT_FILE`` names; where both name a
    place, both; and what botocore reads for ``requests``, for S3 alone, may be a directory."""
    asked: list[str] = []

    def note(line: str, _number: int) -> Pieces:
        asked.append(line)
        return answer(b"4")

    if variable.startswith("SSL"):
        monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    if variable == "SSL_CERT_FILE":
        usual = ssl.get_default_verify_paths()._replace(capath=str(authority.hashed()))
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: usual)
    elif variable:
        monkeypatch.setenv(variable, str(authority.hashed()))
    with raw_server(note, authority.context()) as address, suppress(S3SyncError):
        await way(address, None)
    assert bool(asked) == bool(variable if way is by_bucket else variable.startswith("SSL"))


async def test_who_has_no_address_that_answers_is_not_blamed_for_its_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each address has a reason of its own, so the fault has no number."""
    usual = socket.getaddrinfo

    def two_addresses(_host: str, port: int, *_: object, **__: object) -> list[Any]:
        return [
            address
            for host in ("127.0.0.1", "ff02::1")  # no stream goes to a group
            for address in usual(host, port, type=socket.SOCK_STREAM)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    error = await refused(by_bucket, "two.example:9")
    assert "none of its addresses can be reached" in error.message
    assert "TLS" not in error.hint


@pytest.mark.parametrize("way", [by_bucket, by_rest])
async def test_an_old_protocol_is_refused_and_named(way: Way, authority: Authority) -> None:
    with old_server(authority.context()) as address:
        error = await refused(way, address)
    assert "no TLS newer than 1.1" in error.message
    assert "TLS 1.2" in error.hint
    with raw_server(lambda _line, _number: answer()) as address:
        pass  # and who is not there at all
    error = await refused(way, address)
    assert "TLS" not in error.message


@pytest.mark.parametrize("way", [by_bucket, by_queue, by_rest])
@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----"])
async def test_a_list_of_authorities_that_is_none_is_named(
    way: Way, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL would take it for an empty one, and refuse everybody."""
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    variables = ["SSL_CERT_FILE"] if way is by_rest else ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
    for variable in variables:
        monkeypatch.setenv(variable, str(file))
        error = await refused(way, "127.0.0.1:9")
        assert isinstance(error, SettingsError)
        assert error.message.startswith(f"${variable} {file}: must be a file of certificates")
        monkeypatch.delenv(variable)
    config = tmp_path / "config"
    config.write_text(f"[default]\nca_bundle = {file}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    # botocore's clients take it from a profile, too.
    for given in [] if way is by_rest else [file] if way is by_bucket else [file, None]:
        error = await refused(way, "127.0.0.1:9", given)
        assert isinstance(error, SettingsError)
        assert f"AWS_CA_BUNDLE) {file}: must be" in error.message


async def test_a_key_in_clear_text_is_warned_of_but_on_loopback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for url, is_told in (
        ("http://db.example.com", True),
        ("http://192.0.2.7:8000", True),
        ("http://127.0.0.1:54321", False),
        ("http://localhost:54321", False),
        ("http://[::1]:54321", False),
        ("https://db.example.com", False),
    ):
        caplog.clear()
        catalog = SupabaseCatalog(url, "sb_secret_of_tests_0123456789", table="images")
        await catalog.connect()
        await catalog.close()
        assert ("unencrypted" in caplog.text) == is_told, url

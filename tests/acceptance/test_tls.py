"""Whom a sync trusts with its requests to the bucket."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.stub import ListingStub, served


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's own, with its key, for 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "store.pem"
    request = (
        "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
        "-subj /CN=store -addext subjectAltName=IP:127.0.0.1 -days 2"
    )
    own = path.with_suffix(".crt")
    command = [*request.split(), "-keyout", str(path), "-out", str(own)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + own.read_text())
    return path


@asynccontextmanager
async def encrypted(endpoint: str, certificate: Path) -> AsyncIterator[str]:
    """The endpoint once more, behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    host, _, port = endpoint.removeprefix("http://").partition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            pass_on(reader, to_store), pass_on(from_store, writer), return_exceptions=True
        )

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("variable", "code"), [("AWS_CA_BUNDLE", 0), ("SSL_CERT_FILE", 0), ("", 3)]
)
async def test_a_store_is_trusted_by_who_was_told_to(
    tmp_path: Path, catalog_database: str, certificate: Path, variable: str, code: int
) -> None:
    command = Command(tmp_path, {"DATABASE_URL": catalog_database, "S3SYNC_BUCKET": "stub-bucket"})
    with served(ListingStub(["a.jpg", "b.jpg"])) as endpoint:
        async with encrypted(endpoint, certificate) as address:
            command.environ["AWS_ENDPOINT_URL_S3"] = address
            if variable:
                command.environ[variable] = str(certificate)
            ended = await asyncio.to_thread(command.run, "--once", "--quiet")
    assert ended.code == code, ended.err
    assert ("certificate" in ended.err) == (code != 0)

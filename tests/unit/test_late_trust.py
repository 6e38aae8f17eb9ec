"""Late certificates are certificates none the less."""

from __future__ import annotations

import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from s3sync_tui.source.late_trust import LateContext

HOST = "minio.example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ``HOST`` by its own authority, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def shake_hands(trust: ssl.SSLContext, certificate: Path, host: str = HOST) -> None:
    """Client and server in memory; raises what the client makes of the server."""
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = identity.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server, server_hostname=host)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in (client, server):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue


def test_a_server_of_the_trusted_authority_is_let_in(certificate: Path) -> None:
    trust = LateContext(str(certificate))
    assert trust.get_ca_certs() == []
    shake_hands(trust, certificate)
    shake_hands(trust, certificate)
    assert len(trust.get_ca_certs()) == 1


def test_a_stranger_is_not(certificate: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(LateContext(), certificate)


def test_nor_is_another_host_by_the_same_authority(certificate: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(LateContext(str(certificate)), certificate, "evil.example.com")


def test_it_is_as_strict_as_python_s_own() -> None:
    late, own = LateContext(), ssl.create_default_context()
    for trait in ("verify_mode", "check_hostname", "verify_flags", "minimum_version", "options"):
        assert getattr(late, trait) == getattr(own, trait), trait


def test_aiohttp_reads_no_certificates_and_ssl_is_left_as_it_was() -> None:
    code = """if True:
        import gc, ssl
        before = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
        import s3sync_tui.source.late_trust, aiohttp
        assert before == (ssl.create_default_context, ssl.SSLContext.set_default_verify_paths)
        made = [each for each in gc.get_objects() if isinstance(each, ssl.SSLContext)]
        print([len(context.get_ca_certs()) for context in made])
    """
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "[0, 0]\n"

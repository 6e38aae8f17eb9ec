"""Certificates of a test's own: an authority, and what it vouches for."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; whoever trusts :attr:`file` trusts them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of tests")])
        own = self._builder(self._name, self._name, self._key, -1, 2).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.file = directory / "authority.pem"
        self.file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def hashed(self) -> Path:
        """A directory to trust: OpenSSL looks there for the hash of a name."""
        there = self._directory / "hashed"
        there.mkdir(exist_ok=True)
        canonical = self._name.public_bytes()[2:]  # in lower case, without what is around it
        number = int.from_bytes(sha1(canonical, usedforsecurity=False).digest()[:4], "little")
        (there / f"{number:08x}.0").write_bytes(self.file.read_bytes())
        return there

    def context(
        self, *, host: str = "127.0.0.1", days: tuple[int, int] = (-1, 2), is_own: bool = False
    ) -> ssl.SSLContext:
        """For a server that is ``host``, valid for these ``days`` from now; ``is_own`` has it
        sign for itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            known: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            known = x509.DNSName(host)
        issuer = name if is_own else self._name
        builder = self._builder(name, issuer, key, *days).add_extension(
            x509.SubjectAlternativeName([known]), critical=False
        )
        signed = builder.sign(key if is_own else self._key, hashes.SHA256())
        path = self._directory / f"server-{x509.random_serial_number()}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + _pem(signed)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    @staticmethod
    def _builder(
        name: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        begin: int,
        end: int,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begin))
            .not_valid_after(now + timedelta(days=end))
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def old_server(context: ssl.SSLContext) -> Iterator[str]:
    """A server that refuses whatever is newer than TLS 1.1, as old ones do: with an alert.
    (asyncio's hangs up without a word.) Gives ``host:port``."""
    # They need not be spoken, only refused: OpenSSL may have been built without them.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # and so it should be
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def refuse() -> None:
            while True:
                try:
                    accepted, _ = listening.accept()
                except OSError:
                    return
                with accepted, suppress(OSError):
                    context.wrap_socket(accepted, server_side=True).close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)

"""Whom TLS trusts, where the environment says so; and what it means where TLS says no."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi

from s3sync_tui.errors import SettingsError

_TOO_OLD = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"}
_NONE = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_DEEPEST = 10
_OLD_HINT = "It must offer TLS 1.2 or newer. A server without TLS needs http:// in its URL."
_TOO_OLD_TEXT = "it offers no TLS newer than 1.1, which is not safe"
BROKEN_OFF = "it breaks off the TLS handshake: perhaps it offers no TLS newer than 1.1"


def trust_named_by(variable: str) -> ssl.SSLContext | None:
    """To trust the authorities in the file that an environment variable names; None where it is
    not set.

    Raises :class:`~s3sync_tui.errors.SettingsError` where there are none in it. OpenSSL itself
    would not say so.
    """
    value = os.environ.get(variable)
    if not value:
        return None
    context = trusting(Path(value), f"${variable} {value}")
    if variable == "SSL_CERT_FILE":
        # As OpenSSL has it: the file takes the place of the usual file, not of the directory.
        directory = os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().capath
        if directory:
            context.load_verify_locations(capath=directory)
    return context


def trust_named() -> ssl.SSLContext | None:
    """To trust whom OpenSSL's own variables name; None where they name nobody.

    Raises what :func:`trust_named_by` raises.
    """
    if (context := trust_named_by("SSL_CERT_FILE")) is not None:
        return context
    return client_context() if "SSL_CERT_DIR" in os.environ else None


def usual_trust() -> ssl.SSLContext:
    """To trust whom certifi names: it is on every machine."""
    return client_context(file=certifi.where())


def client_context(
    *, file: str | Path | None = None, directory: str | None = None
) -> ssl.SSLContext:
    """For connections by TLS 1.2 or newer, to whom the authorities there have signed;
    OpenSSL's own are trusted where neither is given."""
    context = ssl.create_default_context(cafile=file, capath=directory)
    # Debian's Python leaves that to OpenSSL, which refuses older ones only later, and says
    # "legacy sigalg disallowed".
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def trusting(file: Path, origin: str) -> ssl.SSLContext:
    """To trust the authorities in ``file``, and no others.

    Raises :class:`~s3sync_tui.errors.SettingsError` where there are none in it; ``origin`` is
    how people call it.
    """
    try:
        return client_context(file=file)
    except OSError as error:  # ssl.SSLError is one
        is_content = isinstance(error, ssl.SSLError)
        reason = "there are none in it" if is_content else error.strerror or "no such file"
        raise SettingsError(
            f"{origin}: must be a file of certificates in PEM form ({reason}).",
            hint="Correct it, or leave it unset: then the usual authorities are trusted.",
        ) from error


def describe_tls(error: BaseException | None) -> str:
    """Why there is no secure connection, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "").rstrip(".") or "no reason given"
        return f"its certificate is not to be trusted ({why})"
    reason = getattr(error, "reason", None) or ""
    if reason in _TOO_OLD:
        return _TOO_OLD_TEXT
    if reason in _NONE:
        return "it speaks no TLS"
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return BROKEN_OFF
    return f"TLS fails ({reason or type(error).__name__})"


def tls_cause(error: BaseException) -> ssl.SSLError | None:
    """The fault of TLS that has led to ``error``, however many libraries have wrapped it."""
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if seen is None or isinstance(seen, ssl.SSLError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def tls_hint(text: str, variable: str) -> str:
    """What to do about it; ``variable`` is where own authorities can be named. Empty where
    ``text`` is not about TLS."""
    if "certificate has expired" in text or "not yet valid" in text:
        return "Let the certificate be renewed; and look whether this machine's clock is right."
    if "mismatch" in text:
        return "It is another server's certificate: check the host name in the URL."
    if "certificate" in text:
        return f"For a certificate of your own authority, set {variable} to its PEM file."
    return _OLD_HINT if "TLS" in text else ""

"""Certificates of the usual authorities, read when they are needed: it takes 45 ms of CPU.

aiohttp reads them twice when it is imported, for sessions that bring no context of their
own. Where this module is imported first, aiohttp's contexts are late too.
"""

from __future__ import annotations

import ssl
import sys
import threading
from typing import Any


class LateContext(ssl.SSLContext):
    """As :func:`ssl.create_default_context` makes it, but reads ``cafile`` (or what the
    system trusts) before its first connection. Many plain http:// stores never need it."""

    _cafile: str | None = None
    _is_loaded = False

    def __new__(cls, cafile: str | None = None) -> LateContext:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context._cafile = cafile
        if sys.version_info >= (3, 13):
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        return context

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        self._load()
        return super().wrap_bio(*arguments, **named)

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        self._load()
        return super().wrap_socket(*arguments, **named)

    def _load(self) -> None:
        if self._is_loaded:
            return
        if self._cafile is None:
            self.load_default_certs()
        else:
            self.load_verify_locations(self._cafile)
        self._is_loaded = True


def _import_aiohttp() -> None:
    make, read = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
    here = threading.get_ident()

    def make_late(*arguments: Any, **named: Any) -> ssl.SSLContext:
        is_aiohttp = threading.get_ident() == here and not arguments and not named
        return LateContext() if is_aiohttp else make(*arguments, **named)

    def leave_unread(context: ssl.SSLContext) -> None:
        if threading.get_ident() != here:
            read(context)

    ssl.create_default_context = make_late
    # aiohttp makes another one, which verifies nothing, and reads them for that too.
    ssl.SSLContext.set_default_verify_paths = leave_unread  # type: ignore[assignment, method-assign]
    try:
        import aiohttp  # noqa: F401
    finally:
        ssl.create_default_context = make
        del ssl.SSLContext.set_default_verify_paths  # what it inherits


_import_aiohttp()

"""A bucket in moto's S3 server, filled without HTTP: a client would tidy keys up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any

from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
_NUMBERS = count(1)


class MotoBucket:
    """One bucket."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self.name = name
        self._backend: Any = s3_backends[ACCOUNT]["aws"]
        self._backend.create_bucket(name, "us-east-1")

    def put(self, keys: Iterable[str], body: bytes = b"..") -> None:
        """Upload objects."""
        for key in keys:
            self._backend.put_object(self.name, key, body)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        for key in keys:
            self._backend.delete_object(self.name, key)

    def date(self, key: str, at: datetime) -> None:
        """Give an object this time of its last modification."""
        self._backend.get_bucket(self.name).keys[key].last_modified = at

    def objects(self) -> dict[str, str]:
        """The ETag of every object."""
        keys = self._backend.get_bucket(self.name).keys
        return {key: keys[key].etag.strip('"') for key in list(keys)}


class MotoServer:
    """S3 over HTTP on loopback."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"

    def bucket(self) -> MotoBucket:
        """A new, empty bucket."""
        # All servers of a process share moto's memory.
        return MotoBucket(self.endpoint, f"test-bucket-{next(_NUMBERS)}")

    def stop(self) -> None:
        """Stop serving."""
        self._server.stop()

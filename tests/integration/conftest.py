"""What tests of the engine's two ends share: S3 by moto over HTTP, and made-up credentials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bucket import MotoBucket, MotoServer


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made up; and nothing of what the machine's own user has set."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    """S3 over HTTP."""
    server = MotoServer()
    yield server
    server.stop()


@pytest.fixture
def bucket(moto: MotoServer) -> MotoBucket:
    """A new one, empty."""
    return moto.bucket()

"""The listing stub of ``bench/``, scripted, for a command in another process."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from listing_stub import CameraKeys, ListingStub, Reply, Request, error_reply

__all__ = ["CameraKeys", "ListingStub", "Reply", "Request", "error_reply", "served"]


@contextmanager
def served(stub: ListingStub) -> Iterator[str]:
    """Serve in a thread; gives the endpoint."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(stub.start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(stub.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

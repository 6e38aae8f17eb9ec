"""What systemd is told by a service of ``Type=notify``: sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Systemd:
    """Whoever listens at ``$NOTIFY_SOCKET``; nobody, where that is not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # With @ it is an abstract socket, whose name begins with a zero byte.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address.startswith(("@", "/")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        usec = environ.get("WATCHDOG_USEC", "")
        seconds = int(usec) / 1e6 if usec.isdecimal() else 0.0
        is_ours = environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
        self.watchdog_seconds = seconds if is_ours and seconds > 0 else None
        """Within which it must hear from us, again and again; None where it need not."""

    def ready(self) -> None:
        """The service is up; or it has the settings that it was to read anew."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Settings are read anew."""
        self._tell(
            "RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
        )

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1")

    def status(self, line: str) -> None:
        """For ``systemctl status``."""
        self._tell(f"STATUS={line}")

    def alive(self) -> None:
        """Nothing hangs."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # a service works on, whoever listens
                self._socket.sendto("\n".join(lines).encode(), self._address)

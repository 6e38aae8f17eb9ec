"""Whether others can read along between here and the database."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # over REST there is none
    import psycopg


def clear_text_notice(connection: psycopg.AsyncConnection[Any]) -> str:
    """What an operator should know of a connection that leaves this machine unencrypted;
    empty where it does not."""
    server = connection.pgconn
    address = server.hostaddr.decode(errors="replace")  # none where it is a socket in a directory
    if server.ssl_in_use or not address or is_this_machine(address):
        return ""
    host = server.host.decode(errors="replace") or address
    return (
        f"The connection to Postgres at {host} is not encrypted: the password may be, but keys and "
        "labels can be read and changed on their way. Add sslmode=require to DATABASE_URL, or "
        "better sslmode=verify-full with sslrootcert."
    )


def is_this_machine(host: str) -> bool:
    """Whether what is sent to ``host``, a name or an address, stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

"""Connection strings: whether one will do, and how to name its database to people."""

from __future__ import annotations

import re

from pydantic import SecretStr

from s3sync_tui.settings.rules import Unfit

_SCHEMES = ("postgres://", "postgresql://")
PLAIN_URL = re.compile(
    r"postgres(?:ql)?://(?:[\w.~-]+(?::(?:[\w.~-]|%[2-7][0-9A-Fa-f])*)?@)?"
    r"(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/(?P<dbname>[\w-]+)(?:\?sslmode=[a-z-]+)?",
    re.ASCII,
)
"""URLs in which nothing can be misread."""
_PLACEHOLDER = re.compile(r"\[your[-_ ]?password\]", re.IGNORECASE)
_UNKNOWN_PARAMETER = re.compile(r'invalid URI query parameter: "(\w+)"')
# Prisma's. Only these are repeated: a torn password can pass for a parameter.
_OF_OTHER_PROGRAMS = {"pgbouncer", "connection_limit", "pool_timeout", "schema", "sslaccept"}

_MUST = "must be a postgres:// or postgresql:// URL, or libpq's host=… dbname=… form"
_EXAMPLE = "A URL looks like postgresql://user:password@db.example.com:5432/postgres."
ENCODE = (
    "In user and password, write each special character as % and two digits: "
    "@ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25."
)
_PORTS = "Postgres listens on 5432 by default, poolers often on 6543."


def check_database_url(url: SecretStr) -> SecretStr:
    """A connection string that libpq understands. No message repeats any of it."""
    text = url.get_secret_value()
    is_url = text.startswith(_SCHEMES)
    if not is_url and not re.match(r"\s*\w+\s*=", text):
        raise Unfit(_MUST, _scheme_hint(text))
    if "\0" in text:
        raise Unfit("must not hold U+0000")
    if _PLACEHOLDER.search(text):
        raise Unfit(
            "still holds the placeholder for the password",
            f"Replace [YOUR-PASSWORD], brackets and all. {ENCODE}",
        )
    if is_url and re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Unfit("holds a % that is not followed by two hexadecimal digits", ENCODE)
    parts = _parse(text)
    if isinstance(parts, Unfit):
        raise parts
    if is_url and _is_torn(text):
        raise Unfit("holds an @ or / where none can be", ENCODE)
    if not all(_is_port(port) for port in parts.get("port", "").split(",")):
        raise Unfit("must have a port from 1 to 65535", ENCODE if is_url else _PORTS)
    return url


def describe_database(url: SecretStr) -> str:
    """Where the database is, for people: ``host[:port]/name``, without user,
    password and parameters."""
    parts = _parse(url.get_secret_value())
    if isinstance(parts, Unfit):
        return "a database"
    host = parts.get("host") or parts.get("hostaddr") or parts.get("service") or "localhost"
    if host.startswith("/"):  # a socket's directory, which tells people nothing
        host = "localhost"
    hosts, ports = host.split(","), parts.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    places = [
        (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        for host, port in zip(hosts, ports, strict=False)
    ]
    name = parts.get("dbname")
    shown = ",".join(places) + (f"/{name}" if name else "")
    return "".join(char if char.isprintable() else "?" for char in shown)


def _parse(text: str) -> dict[str, str] | Unfit:
    if plain := PLAIN_URL.fullmatch(text):
        return {name: value for name, value in plain.groupdict().items() if value is not None}
    import psycopg  # a tenth of a second, for those whose connection string is not plain
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except (psycopg.Error, UnicodeError) as error:
        # libpq's words repeat the part it stumbled upon.
        unknown = _UNKNOWN_PARAMETER.match(str(error))
    if unknown and unknown[1] in _OF_OTHER_PROGRAMS:
        return Unfit(
            f"holds the parameter {unknown[1]}, which Postgres does not know",
            f"Remove {unknown[1]}=… from it; for poolers nothing needs to be set.",
        )
    if text.startswith(_SCHEMES):
        return Unfit("is not a valid connection URL", f"{_EXAMPLE} {ENCODE}")
    return Unfit(
        "is not valid in libpq's host=… dbname=… form", "Put values with spaces in single quotes."
    )


def _is_torn(url: str) -> bool:
    """Whether a part of the password would turn up as host or database, and so in
    messages. libpq takes what is before the first @ for user and password, unless a /
    comes first; only after that, ? begins the parameters."""
    address = url.partition("://")[2]
    user, _, rest = address.partition("@")
    return "@" in (address if "/" in user else rest).partition("?")[0]


def _scheme_hint(text: str) -> str:
    if re.match(r"postgres(ql)?\+\w+://", text):
        return "Remove the + and the driver's name after it."
    if text.startswith(("http://", "https://")):
        return "A Supabase project's URL goes to SUPABASE_URL."
    return _EXAMPLE


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536)

"""What a value must be, beyond its type; and how text becomes a value.

Each ``check_…`` returns the value to use or raises :class:`Unfit`.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

_BUCKET = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{2,254}")
_REGION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_OUR_TABLES = {
    "sync_runs",
    "sync_leases",
    "sync_lanes",
    "sync_changes",
    "sync_batches",
    "sync_schema",
}
_OUR_SUFFIXES = ("_archive", "_counts")
_LONGEST_KEY_BYTES = 1024
_LISTEN = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]{2,45}\])"
    r":([0-9]{1,5})"
)
_QUEUE_PATH = re.compile(r"/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_SIZE = re.compile(r"([0-9]{1,18}|[0-9]{1,12}\.[0-9]{1,6}) ?(?:([KMGTP])(I?))?B?", re.IGNORECASE)
_INTERVAL = re.compile(r"([0-9]{1,7}) ?(s|m|min|h|d)?", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_LONGEST_INTERVAL_SECONDS = 366 * 86_400
_LONGEST_LOOKBACK_SECONDS = 7 * 86_400
_SWITCH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class Unfit(ValueError):
    """A value will not do: ``must`` completes "<origin> <value>: "; ``hint`` says
    what to do. Neither holds the value of a secret."""

    def __init__(self, must: str, hint: str = "") -> None:
        super().__init__(must)
        self.must = must
        self.hint = hint


def read_whole_number(text: str) -> int | str:
    """The number; the text itself where there is none in it."""
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) else text


def read_number(text: str) -> float | str:
    """The number; the text itself where there is none in it."""
    try:
        return float(text)
    except ValueError:
        return text


def read_size(value: object) -> object:
    """The bytes in ``500 MB``, ``8 GB``, ``0.5 GiB``; what is no such text, as it is."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    number, unit, is_binary = match.groups()
    if unit is None and number.isdecimal():
        return int(number)
    power = " KMGTP".index((unit or " ").upper())
    return round(float(number) * (1024 if is_binary else 1000) ** power)


def read_interval(value: object) -> object:
    """The seconds in ``5m``, ``1 h``, ``30``; what is no such text, as it is."""
    match = _INTERVAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    return int(match[1]) * _UNIT_SECONDS[(match[2] or "s").lower()]


def read_switch(text: str) -> bool | str:
    """On or off; the text itself where it says neither."""
    return _SWITCH.get(text.strip().lower(), text)


def read_path(text: str) -> Path | str:
    """The path; the text itself where it is empty, which ``Path`` takes for ``.``."""
    return Path(text) if text else text


def read_patterns(text: str) -> tuple[str, ...]:
    """The patterns between the commas."""
    return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())


def check_bucket(name: str) -> str:
    """Names of old are longer and hold capitals and underscores; S3 still lists
    such buckets."""
    if _BUCKET.fullmatch(name):
        return name
    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if _BUCKET.fullmatch(bucket):
        rest = prefix if re.fullmatch(r"[\w./=-]{1,100}", prefix) else "…"
        raise Unfit(
            "must be the bucket's name alone, without s3:// and prefix",
            f"Split it: --bucket {bucket}" + (f" --prefix {rest}" if prefix else ""),
        )
    raise Unfit(
        "must be a bucket's name: 3 to 63 characters: lower-case letters, digits, hyphens, dots",
        "Give the name alone; the bucket's address, where it is not on AWS, goes to --endpoint.",
    )


def check_prefix(prefix: str) -> str:
    """What keys can start with."""
    if prefix.startswith("s3://"):
        raise Unfit(
            "must be what keys start with, without s3:// and bucket",
            "The bucket's name goes to --bucket.",
        )
    _check_encoding(prefix)
    if "\0" in prefix or len(prefix.encode()) > _LONGEST_KEY_BYTES:
        raise Unfit(f"must have at most {_LONGEST_KEY_BYTES} bytes and no U+0000, as keys do")
    return prefix


def check_endpoint(url: str) -> str:
    """An S3-compatible store's address."""
    _check_web_address(
        url, "An endpoint looks like https://minio.example.com:9000; for AWS, leave it out."
    )
    return url


def check_region(name: str) -> str:
    """A region of AWS or of another store."""
    if not _REGION.fullmatch(name):
        raise Unfit(
            "must be a region's name, like eu-central-1",
            "Leave the region out, and the bucket's own is found.",
        )
    return name


def check_profile(name: str) -> str:
    """A section of ``~/.aws/config``."""
    _check_encoding(name)
    if not name.strip():
        raise Unfit("must be the name of a profile", "aws configure list-profiles names them.")
    return name


def check_certificates(path: Path) -> Path:
    """A file that can be opened; what is in it is the source's to judge."""
    try:
        with path.open("rb"):
            return path
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
    raise Unfit(f"must be a file of certificates in PEM form ({reason})")


def check_pattern(pattern: str) -> str:
    """A glob over whole keys."""
    _check_encoding(pattern)
    if not pattern:
        raise Unfit("must not hold an empty pattern")
    return pattern


def check_some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """At least one, or nothing would be an image."""
    if not patterns:
        raise Unfit('must hold at least one pattern; "*" means every object')
    return patterns


def check_supabase_url(url: str) -> str:
    """A project's API address, without the slash at its end."""
    hint = "The URL looks like https://abcdefghijkl.supabase.co (Project Settings > Data API)."
    if url.startswith(("postgres://", "postgresql://")):
        raise Unfit(
            "must be the project's https:// URL, not a connection string",
            "A connection string goes to DATABASE_URL.",
        )
    host = _check_web_address(url, hint).hostname or ""
    if host in {"supabase.com", "www.supabase.com", "app.supabase.com"}:
        raise Unfit("must be the project's own URL, not the dashboard's", hint)
    url = url.rstrip("/")
    if url.endswith("/rest/v1"):
        raise Unfit("must be the project's URL, without /rest/v1", hint)
    return url


def check_supabase_key(key: SecretStr) -> SecretStr:
    """Something that can travel in a header; which kind of key it is, is the
    catalog's to judge."""
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise Unfit(
            "must be one word of letters, digits, dots, hyphens and underscores",
            "Copy it anew from the Supabase dashboard: Project Settings > API Keys.",
        )
    return key


def check_size(value: object) -> int:
    """A number of bytes, or text that :func:`read_size` can read."""
    size = read_size(value)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise Unfit(
            "must be a size, like 500 MB or 8 GB, or a number of bytes",
            "KB, MB, GB and TB are powers of 1,000; KiB, MiB, GiB and TiB of 1,024.",
        )
    return size


def check_interval(value: object) -> int:
    """A number of seconds, or text that :func:`read_interval` can read."""
    seconds = read_interval(value)
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int)
        or not 1 <= seconds <= _LONGEST_INTERVAL_SECONDS
    ):
        raise Unfit(
            "must be a time, like 5m or 1h, or a number of seconds",
            "Units: s, m, h, d; a year at most.",
        )
    return seconds


def check_lookback(value: object) -> int:
    """An interval that leaves a delta run something to gain."""
    seconds = check_interval(value)
    if seconds > _LONGEST_LOOKBACK_SECONDS:
        raise Unfit("must be 7d or less", "Where keys come later than that, use --mode full.")
    return seconds


def check_listen(address: str) -> str:
    """A host (a name, an IPv4 address, an IPv6 address in brackets) and a port."""
    match = _LISTEN.fullmatch(address)
    if match is None or int(match[1]) > 65_535:
        raise Unfit(
            "must be host:port, the port from 0 to 65535",
            "127.0.0.1:8080 is for this machine alone, 0.0.0.0:8080 and [::]:8080 for all.",
        )
    return address


def check_queue_url(url: str) -> str:
    """The URL by which SQS knows a queue."""
    hint = (
        "It looks like https://sqs.eu-central-1.amazonaws.com/123456789012/images; "
        "s3sync-tui notifications shows it."
    )
    if url.startswith("arn:"):
        raise Unfit("must be the queue's URL, not its ARN", hint)
    if not _QUEUE_PATH.fullmatch(_check_web_address(url, hint).path):
        raise Unfit("must be the URL of an SQS queue, its name at the end", hint)
    return url


def check_table(name: str) -> str:
    """Leaves room for the names that the schema derives from it."""
    if not _TABLE.fullmatch(name):
        raise Unfit(
            "must have 1 to 40 characters: lower-case letters, digits and underscores, "
            "the first no digit",
            "Give the table's name alone, without schema and quotes; it is in public.",
        )
    if name in _OUR_TABLES or name.endswith(_OUR_SUFFIXES):
        raise Unfit(
            f"must not be one of our own: {', '.join(sorted(_OUR_TABLES))}, "
            f"or end in {' or '.join(_OUR_SUFFIXES)}",
            "Choose another name for the table.",
        )
    return name


def _check_encoding(text: str) -> None:
    # Arguments and variables that are no UTF-8 arrive as lone surrogates.
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Unfit("must be UTF-8 text")


def _check_web_address(url: str, hint: str) -> SplitResult:
    must = "must be an http:// or https:// URL"
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that don't match, a port that is no number
        fits = False
    if not fits or not re.fullmatch(r"[!-~]+", url):
        raise Unfit(must, hint)
    if "@" in parts.netloc:
        raise Unfit(f"{must} without user and password", hint)
    if parts.query or parts.fragment:
        raise Unfit(f"{must} without ? and #", hint)
    return parts

"""The secrets that this process knows, and texts without them.

Servers echo what they were sent: a gateway its headers, S3 the signed URL, a login service the
token. So whatever is said, logged or stored passes :func:`without_secrets`. Who takes a secret
into use, hands it to :func:`keep_secret`.
"""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from json import dumps
from urllib.parse import quote, quote_plus, unquote

LEAST_CHARACTERS = 8
"""Shorter ones are not looked for: they would be found in ordinary words."""

_NO_SECRETS = {"postgres", "password", "supabase", "minioadmin", "localhost"}
"""Passwords that everybody knows, and words that messages need."""

_MOST_LASTING = 64
_MOST_PASSING = 16
_MOST_ENDS = 8
_GONE = "…"

# Case matters where ordinary words would go along. A token's head has an end: else many heads in
# a row would take a time that grows by the square.
_PATTERNS = (
    r"(?P<key>\bsb_secret_)[\w-]+"
    r"|(?P<jwt>\beyJ)[\w-]{5,1000}\.[\w.-]{5,}"
    r"|(?P<signed>(?i:X-Amz-(?:Signature|Security-Token|Signed-Token))"
    r"(?:=|%3[Dd]|%253[Dd]|[\"']?\s*:\s*[\"']?))[^\s&\"'<>]+"
    r"|(?P<parameter>(?i:\b(?:password|passwd|pwd|sslpassword)\s*=\s*))"
    r"(?:'(?:[^'\\]|\\.)*'?|\"[^\"]*\"?|[^\s&;,<>]+)"
    r"|(?P<field>\b(?:[sS]ecretAccessKey|[sS]essionToken|[aA]ccessToken|[rR]efreshToken|"
    r"access_token|refresh_token|client_secret|[cC]lientSecret|aws_secret_access_key|"
    r"aws_session_token|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)"
    r"\s*[\"'>:=][\"'>\s:=]{0,5})[^\s\"'<&,}]+"
    r"|(?P<json>[\"'](?i:password|secret|token|apikey)[\"']\s*:\s*[\"'])[^\"']+"
    r"|(?P<scheme>(?i:\b(?:bearer|basic))\s+)[\w.~+/=-]{16,}"
    r"|(?P<url>://)(?!user:password@)[^\s/@:\"'<>]*:[^\s/\"'<>]*@"
)


class _Known:
    """Secrets, bounded in number; of those that pass, the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasting: OrderedDict[str, None] = OrderedDict()
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str, *, passes: bool) -> None:
        kept, most = (self._passing, _MOST_PASSING) if passes else (self._lasting, _MOST_LASTING)
        if value in kept:
            return
        with self._lock:
            kept[value] = None
            if len(kept) > most:
                kept.popitem(last=False)
            self._pattern = None

    def forms(self) -> re.Pattern[str] | None:
        with self._lock:
            if self._pattern is None and (values := [*self._lasting, *self._passing]):
                # The longest first: a form may begin with another one.
                forms = sorted({form for v in values for form in _forms(v)}, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, forms)))
            return self._pattern


_known = _Known()


def keep_secret(value: str | None, *, passes: bool = False) -> None:
    """From now on no text shows ``value``, nor its usual encodings. ``passes``: it is one of
    many that come and go, as the tokens of a login do. Cheap to repeat."""
    if value is not None and len(value) >= LEAST_CHARACTERS and value not in _NO_SECRETS:
        _known.add(value, passes=passes)


def keep_url_secret(url: str | None) -> None:
    """The password in ``url``, as it is written there and decoded. The URL may lack its scheme,
    and the password may hold what it should not: where it ends is then anybody's guess."""
    rest = (url or "").rpartition("://")[2]
    ends = [at for at, c in enumerate(rest) if c == "@"]
    for end in ends[:_MOST_ENDS]:
        password = rest[:end].partition(":")[2]
        keep_secret(password)
        keep_secret(unquote(password))


def without_secrets(text: str) -> str:
    """``text`` with an ellipsis in place of each secret that is known, and of what looks like
    one."""
    known = _known.forms()
    if known is not None:
        text = known.sub(_GONE, text)
    return _patterns().sub(_kept_beginning, text)


@cache
def _patterns() -> re.Pattern[str]:
    return re.compile(_PATTERNS, re.ASCII)  # not before there is something to say: it takes 3 ms


def _kept_beginning(match: re.Match[str]) -> str:
    begin = match[match.lastgroup or 0]
    return f"{begin}{_GONE}@" if match.lastgroup == "url" else f"{begin}{_GONE}"


def _forms(value: str) -> Iterator[str]:
    """``value`` as it may come back."""
    yield value
    raw = value.encode("utf-8", "surrogateescape")  # a variable may hold bytes that are no UTF-8
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
        yield quote(encoded, safe="")
    for is_ascii in (True, False):
        inside = dumps(value, ensure_ascii=is_ascii)[1:-1]
        yield inside
        yield inside.replace("/", "\\/")
    yield _in_xml(value)
    yield _in_xml(value).replace('"', "&quot;").replace("'", "&#x27;")
    yield repr(value)[1:-1]
    yield ascii(value)[1:-1]
    yield from _base64(raw)


def _in_xml(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _base64(value: bytes) -> Iterator[str]:
    """What of it stands in base64 wherever it begins: that depends on what is before it."""
    for before in range(3):
        encoded = b64encode(b"\0" * before + value).decode().rstrip("=")
        begin = (0, 2, 3)[before]  # characters that what is before has a part in
        end = len(encoded) - bool((before + len(value)) % 3)  # and what comes after
        inside = encoded[begin:end]
        if len(inside) >= LEAST_CHARACTERS:
            yield inside
            yield inside.translate(str.maketrans("+/", "-_"))

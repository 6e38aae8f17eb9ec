"""What an answer says it answers, held against what was asked.

S3 repeats a request's parameters in its answer. A page of another request, which a cache or a
gateway gave in place of ours, has keys in order like any other: believed, it makes keys pass
for listed that nobody has seen. Stores may leave any of these elements out, or empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, unquote_plus

_ECHOES = ("Prefix", "Delimiter", "StartAfter", "ContinuationToken")
SAID = frozenset({"Name", "KeyCount", *_ECHOES})
"""The elements that are looked at here."""

_SHOWN = 60


def misunderstanding(
    said: Mapping[str, str], asked: Mapping[str, str | int], bucket: str
) -> str | None:
    """What an answer is of, where that is not what was asked; None where it may be.

    ``said`` are elements as they stand in the document, none of them empty.
    """
    # Some name the account, too: no bucket's own name has these (linkedin/ambry#3002).
    name = said.get("Name", bucket).replace(":", "/").rpartition("/")[2]
    # What is behind an access point has a name of its own.
    is_alias = bucket.startswith("arn:") or bucket.endswith(("-s3alias", "--ol-s3"))
    if not is_alias and name.casefold() != bucket.casefold():
        return f"a page of bucket {name[:_SHOWN]!r}"
    for element in _ECHOES:
        if element == "StartAfter" and "ContinuationToken" in asked:
            continue  # the token stands for it, and stores may tell it or not
        sent = asked.get(element, "")
        if element == "ContinuationToken" and not sent:
            # Some name here the key that they start after (versitygw#2007).
            sent = asked.get("StartAfter", "")
        echo = said.get(element)
        if echo is not None and not _may_be(echo, str(sent)):
            return f"a page of another request ({element} {echo[:_SHOWN]!r})"
    return None


def begins_beyond(said: Mapping[str, str], after: str, keys: Sequence[str]) -> bool:
    """Whether an answer with these ``keys`` begins behind another key than ``after``: a token
    does not say where a page is to begin, but what it begins after may be told. Some stores tell
    the key that it begins with."""
    start = said.get("StartAfter")
    return start is not None and all(
        after < read and (not keys or read < keys[0]) for read in {start, *_decoded(start)}
    )


def _may_be(echo: str, asked: str) -> bool:
    """S3 encodes what it repeats, but for the token; moto encodes prefixes alone."""
    # XML makes all ends of lines alike.
    plain = asked.replace("\r\n", "\n").replace("\r", "\n")
    return echo in {asked, plain} or asked in _decoded(echo)


def _decoded(echo: str) -> set[str]:
    return {read(echo, errors="surrogateescape") for read in (unquote, unquote_plus)}

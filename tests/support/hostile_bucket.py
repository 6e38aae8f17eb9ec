"""A bucket in memory with the worst of keys, that tells of what happens to it as S3 does."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

from s3sync_tui.model import KeyRange, Level, ObjectPage
from s3sync_tui.source.listing import Listing, is_storable, sort_key
from s3sync_tui.source.looking import Seen
from s3sync_tui.source.notifications import Ours
from s3sync_tui.source.page import beyond, build_page, end_of
from s3sync_tui.source.selection import Selection
from tests.support.model_bucket import written
from tests.unit.test_notifications import by_eventbridge, by_s3, by_sns, record

KEYS = [
    *("a//b.jpg", "/lead.jpg", "a/../b.jpg", "dir/", " .jpg", "a b+c%20d.jpg", "%2F.jpg"),
    *(
        "new\nline.jpg",
        "carriage\r\n.jpg",
        "tab\t.jpg",
        "naïve-日本-😀.jpg",
        "\x01.jpg",
        "\x7f.jpg",
    ),
    *('quotes\'"".jpg', "back\\slash.jpg", "{curly,NULL,}.jpg", "&<>.jpg", "%s $1 :x.JPG"),
    *("\u00e9.jpg", "e\u0301.jpg", "\ue000.jpg", "\U0010ffff.jpg", "x" * 1020 + ".jpg"),
    *("日" * 340 + ".jpg", "a\0b.jpg", "\0.jpg", "a\udcff.jpg", "notes.txt", "no\0tes.txt"),
]
IMAGES = Selection(["*.jpg"])


@dataclass(frozen=True, slots=True)
class Version:
    """What is at a key."""

    etag: str
    size_bytes: int
    modified: datetime

    def row(self) -> tuple[str, int, str]:
        """As a table in step has it."""
        return self.etag, self.size_bytes, written(self.modified)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened, and was told."""

    key: str
    version: Version | None
    """None where it was removed."""
    at: datetime
    number: int

    def message(self) -> str:
        """By S3 itself, through SNS, or by EventBridge."""
        # Mostly of one length, but not always.
        sequencer = f"{self.number:0{16 if self.number % 11 else 18}X}"
        if self.number % 3 == 2:
            return self._by_eventbridge(sequencer.lower())
        if self.version is None:
            told = record(name="ObjectRemoved:Delete", sequencer=sequencer)
        else:
            size, etag = self.version.size_bytes, self.version.etag
            told = record(sequencer=sequencer, size=size, eTag=etag)
        told["s3"]["object"]["key"] = quote_plus(sort_key(self.key), safe="/")
        body = by_s3(told | {"eventTime": written(self.at)})
        return by_sns(body) if self.number % 3 else body

    def _by_eventbridge(self, sequencer: str) -> str:
        described: dict[str, object] = {"sequencer": sequencer}
        if self.version is not None:
            described |= {"size": self.version.size_bytes, "etag": self.version.etag}
        kind = "Object Deleted" if self.version is None else "Object Created"
        body = by_eventbridge(self.key, kind=kind, described=described, how="Permanently Deleted")
        return json.dumps(json.loads(body) | {"time": written(self.at)})


class HostileBucket:
    """A Source and a Looker; keys on ``.jpg`` are images."""

    bucket = "camera-images"
    prefix = ""
    region = None
    ours = Ours(bucket, prefix, IMAGES)

    def __init__(self, *, page_size: int) -> None:
        self.objects: dict[str, Version] = {}
        self.versions: dict[str, set[str]] = {}
        """The ETags of all that ever was at a key."""
        self.told: list[Told] = []
        self.clock_offset_seconds = 0.0
        """How far its clock is ahead of this machine's."""
        self.list_requests = 0
        self._page_size = page_size

    @property
    def now(self) -> datetime:
        """By its own clock."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_seconds)

    def put(self, key: str) -> None:
        """Upload, or overwrite."""
        number = len(self.told)
        now = self.now.replace(microsecond=self.now.microsecond // 1000 * 1000)
        version = Version(f"{number:032x}", number * 7919, now)
        self.objects[key] = version
        self.versions.setdefault(key, set()).add(version.etag)
        self.told.append(Told(key, version, now, number))

    def remove(self, key: str) -> None:
        """Delete, also what is not there."""
        self.objects.pop(key, None)
        self.told.append(Told(key, None, self.now, len(self.told)))

    def age(self, by: timedelta) -> None:
        """All of it happened so much earlier."""

        def older(version: Version) -> Version:
            return Version(version.etag, version.size_bytes, version.modified - by)

        self.objects = {key: older(version) for key, version in self.objects.items()}
        self.told = [
            Told(each.key, each.version and older(each.version), each.at - by, each.number)
            for each in self.told
        ]

    def images(self) -> dict[str, tuple[str, int, str]]:
        """What a table in step with it holds."""
        return {
            key: version.row()
            for key, version in self.objects.items()
            if IMAGES.matches(key) and is_storable(key)
        }

    def rejected(self) -> int:
        """How many images cannot be in a table."""
        return sum(IMAGES.matches(key) and not is_storable(key) for key in self.objects)

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """Some keys."""
        keys = _sorted(filter(is_storable, self.objects))
        return keys[:: max(1, len(keys) // parts)]

    async def level(self, prefix: str) -> Level | None:
        """As S3 lists with a delimiter."""
        self.list_requests += 1
        found = Level([], [])
        for key in _sorted(key for key in self.objects if key.startswith(prefix)):
            head, cut, _ = key[len(prefix) :].partition("/")
            if not is_storable(prefix + head):
                continue
            if not cut:
                found.keys.append(key)
            elif prefix + head + cut not in found.prefixes:
                found.prefixes.append(prefix + head + cut)
        return found

    async def look(self, key: str) -> Seen | None:
        """As it is now."""
        version = self.objects.get(key)
        if version is None:
            return None
        return Seen(version.etag, version.size_bytes, version.modified)

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        """As :class:`~s3sync_tui.source.s3.S3Source` makes them."""
        listed, held = sort_key(span.after), list[str]()
        while True:
            self.list_requests += 1
            keys = _sorted(self.objects)
            start = bisect_right(keys, listed, key=sort_key)
            listing = self._listing(keys[start : start + self._page_size])
            is_end = start + self._page_size >= len(keys)
            if is_end or sort_key(listing.keys[-1]) >= end_of(span):
                yield build_page(listing, span, IMAGES, last=True, held=held)
                return
            more = beyond(listing)
            told, held = ([], held + more) if len(more) == len(listing.keys) else (held, more)
            page = build_page(listing, span, IMAGES, last=False, held=told)
            span, listed = KeyRange(page.span.up_to, span.up_to), sort_key(listing.keys[-1])
            yield page

    def _listing(self, keys: list[str]) -> Listing:
        versions = [self.objects[key] for key in keys]
        return Listing(
            keys,
            [version.etag for version in versions],
            [version.size_bytes for version in versions],
            [written(version.modified) for version in versions],
            [],
            None,
            all(map(is_storable, keys)),
            100,
        )


def _sorted(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=sort_key)

"""Changes of single objects, brought into the catalog: of each key the newest, and where
nobody can tell which that is, what is in the bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import Applied, ChangeKind, ObjectChange
from s3sync_tui.errors import BucketError
from s3sync_tui.source.looking import Looker

ROUNDS = 4
"""How often a key is looked at again because something else was applied meanwhile."""


@dataclass(frozen=True, slots=True)
class Collapsed:
    """Changes, one a key."""

    changes: list[ObjectChange]
    looks: set[str]
    """Keys of which nobody can tell what happened last."""


def collapse(changes: Iterable[ObjectChange], looks: Iterable[str]) -> Collapsed:
    """Of each key the newest change; none where ``looks`` names it, or where sequencers cannot
    tell, for only those of one length are in order."""
    open_questions = set(looks)
    newest: dict[str, ObjectChange] = {}
    for change in changes:
        known = newest.setdefault(change.key, change)
        if len(known.sequencer) != len(change.sequencer) or not change.sequencer:
            open_questions.add(change.key)
        elif change.sequencer > known.sequencer:
            newest[change.key] = change
    for key in open_questions & newest.keys():
        del newest[key]
    return Collapsed(list(newest.values()), open_questions)


def doubtful(changes: Sequence[ObjectChange], applied: Applied) -> set[str]:
    """The keys about which the catalog could not tell which change is newer."""
    return {changes[position].key for position in applied.doubtful}


async def look_at(
    looker: Looker, keys: Collection[str]
) -> tuple[list[ObjectChange], dict[str, BucketError]]:
    """What the bucket holds under ``keys``, as changes, and where it would not say."""

    async def look(key: str) -> ObjectChange | BucketError:
        try:
            seen = await looker.look(key)
        except BucketError as error:
            return error
        if seen is None:
            return ObjectChange(key, ChangeKind.REMOVED, "", datetime.now(UTC))
        return ObjectChange(
            key, ChangeKind.CREATED, "", seen.last_modified, seen.etag, seen.size_bytes
        )

    answers = zip(keys, await asyncio.gather(*map(look, keys)), strict=True)
    seen: list[ObjectChange] = []
    failed: dict[str, BucketError] = {}
    for key, answer in answers:
        if isinstance(answer, BucketError):
            failed[key] = answer
        else:
            seen.append(answer)
    return seen, failed


async def settle(catalog: Catalog, looker: Looker, collapsed: Collapsed) -> set[str]:
    """Apply all of it, looking where there are doubts; returns the keys that stay doubtful.

    Raises :class:`~s3sync_tui.errors.CatalogError` and
    :class:`~s3sync_tui.errors.BucketError`; to repeat it all is harmless.
    """
    applied = await catalog.apply_changes(collapsed.changes)
    open_questions = collapsed.looks | doubtful(collapsed.changes, applied)
    for _ in range(ROUNDS):
        if not open_questions:
            break
        seen, failed = await look_at(looker, open_questions)
        for error in failed.values():
            raise error
        applied = await catalog.apply_changes(seen, looked_after=applied.at)
        open_questions = doubtful(seen, applied)
    return open_questions

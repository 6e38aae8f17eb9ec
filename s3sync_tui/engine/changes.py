"""Changes of single objects, brought into the catalog: of each key the newest, and where
nobody can tell which that is, what is in the bucket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import Applied, ChangeKind, ObjectChange
from s3sync_tui.engine.refusals import apply_changes
from s3sync_tui.errors import BucketError
from s3sync_tui.source.looking import Looker
from s3sync_tui.source.notifications import shown

log = logging.getLogger(__name__)

ROUNDS = 4
"""How often a key is looked at again because something else was applied meanwhile."""


Applying = Callable[[Sequence[ObjectChange], datetime], Awaitable[Applied]]
"""Applies what a look has said, of keys found doubtful at that time."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking: all is applied but this."""

    asked: int
    """HEAD requests."""
    left: set[str]
    """Keys for which others applied something during each look."""
    failed: dict[str, BucketError]
    """Where the bucket would not say."""
    refused: dict[str, str]
    """Where the table does not take the row, and why."""
    after: datetime
    """When that was."""


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


async def look_into(
    looker: Looker, apply: Applying, keys: Collection[str], after: datetime
) -> Looked:
    """Apply what the bucket holds under ``keys``, which were found doubtful at ``after``: once
    more where something else was applied meanwhile, but not for ever."""
    left = set(keys)
    asked = 0
    failed: dict[str, BucketError] = {}
    refused: dict[str, str] = {}
    for _ in range(ROUNDS):
        if not left:
            break
        asked += len(left)
        seen, errors = await look_at(looker, left)
        failed |= errors
        applied = await apply(seen, after)
        after = applied.at
        refused |= applied.refused
        left = doubtful(seen, applied)
    return Looked(asked, left, failed, refused, after)


async def settle(catalog: Catalog, looker: Looker, collapsed: Collapsed) -> set[str]:
    """Apply all of it, looking where there are doubts; returns the keys of which that could
    not be done.

    Raises :class:`~s3sync_tui.errors.CatalogError`; to repeat it all is harmless.
    """

    async def apply(changes: Sequence[ObjectChange], after: datetime) -> Applied:
        return await apply_changes(catalog, changes, looked_after=after)

    applied = await apply_changes(catalog, collapsed.changes)
    open_questions = collapsed.looks | doubtful(collapsed.changes, applied)
    looked = await look_into(looker, apply, open_questions, applied.at)
    for key, error in looked.failed.items():
        log.warning("Nothing is told of %s: %s %s", shown(key), error, error.hint)
    refused = applied.refused | looked.refused
    for key, reason in refused.items():
        log.warning("The row of %s is left out: %s", shown(key), reason)
    return looked.left | looked.failed.keys() | refused.keys()

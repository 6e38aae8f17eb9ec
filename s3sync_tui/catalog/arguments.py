"""Arguments of the schema's functions as Postgres reads them quickest."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.types.json import Jsonb

_CASTS = {
    "p_sizes": "::bigint[]",
    "p_modified": "::timestamptz[]",
    "p_first": "::integer[]",
    "p_last": "::integer[]",
}


def cast(name: str, value: object) -> str:
    """The type that argument ``name`` has to be told; none for most."""
    if not isinstance(value, list):
        return ""
    return _CASTS.get(name, "::text[]")


def adapted(value: object) -> object:
    """What psycopg is given for ``value``."""
    match value:
        case dict():
            return Jsonb(value)
        case list():
            return _array(value)
        case _:
            return value


def _array(values: Iterable[object]) -> str:
    """Postgres's text form of an array: half the work of psycopg's binary form,
    which goes through Python once for each element.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    texts = [str(value) for value in values]
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * max(0, len(texts) - 1):
        joined = '","'.join(t.replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return f'{{"{joined}"}}' if texts else "{}"

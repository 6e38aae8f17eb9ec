"""Who gets at the tables, besides their owner and the service role."""

from __future__ import annotations

from s3sync_tui.catalog.facts import HealthFacts, TableFacts
from s3sync_tui.insight.check import Check, Subject, printable, several, sql_name

_ACCESS = Subject(
    "anon_access",
    "Shut to the public",
    "The anon key is in every web page of the project: what it may do, anybody may.",
)


def check_access(facts: HealthFacts) -> list[Check]:
    """One check: row level security, grants, policies, functions."""
    if not facts.low_roles:
        return [_ACCESS.ok("no roles anon and authenticated here")]
    found: list[str] = []
    statements: list[str] = []
    is_open = False
    roles = ", ".join(["public", *facts.low_roles])
    for table in (table for table in facts.tables if table.exists):
        readers = _readers(table)
        is_open = is_open or "anon" in readers or not table.row_security
        found += _faults(table, readers)
        statements += _remedies(table, roles)
    if facts.open_functions:
        is_open = True
        found.append(f"{several(len(facts.open_functions), 'function')} can be called")
        statements += [
            f"revoke all on function {signature} from {roles};"
            for signature in facts.open_functions
        ]
    if not found:
        return [_ACCESS.ok("no grant, no policy, no function")]
    verdict = _ACCESS.fail if is_open else _ACCESS.warn
    fix = "Take it back, unless you meant it: applications that rely on it lose their access."
    return [verdict(printable("; ".join(found), 300), fix, tuple(statements))]


def _readers(table: TableFacts) -> list[str]:
    """The roles that get at rows: a grant lets them at the table, and nothing hides its rows."""
    if not table.row_security:
        return table.granted
    named = {role for policy in table.policies for role in policy.roles}
    return [role for role in table.granted if role in named or "public" in named]


def _faults(table: TableFacts, readers: list[str]) -> list[str]:
    faults = []
    if not table.row_security:
        faults.append(f"row level security is off for {table.name}")
    if readers:
        faults.append(f"{' and '.join(readers)} can use {table.name}")
        return faults
    if table.policies:
        faults.append(f"a policy opens {table.name}, a grant would suffice")
    if table.granted:
        faults.append(f"{' and '.join(table.granted)} have grants on {table.name}")
    return faults


def _remedies(table: TableFacts, roles: str) -> list[str]:
    name = sql_name(table.name)
    statements = []
    if not table.row_security:
        statements.append(f"alter table {name} enable row level security;")
    statements += [
        f'drop policy "{policy.name.replace(chr(34), chr(34) * 2)}" on {name};'
        for policy in table.policies
    ]
    if table.granted:
        statements.append(f"revoke all on table {name} from {roles};")
    return statements

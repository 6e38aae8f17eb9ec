"""No error without what to do: every one that is made says so, wherever it is made."""

from __future__ import annotations

import ast
from pathlib import Path

import s3sync_tui
from s3sync_tui import errors

PACKAGE = Path(s3sync_tui.__file__).parent
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.S3SyncError)
} | {"TookTooLong", "Elsewhere"}


def made() -> list[tuple[str, ast.Call]]:
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in KINDS:
                    found.append((f"{file.relative_to(PACKAGE)}:{node.lineno}", node))
    return found


def test_every_error_has_a_hint() -> None:
    calls = made()
    assert len(calls) > 100
    without = [
        f"{place}: {ast.unparse(call)}"
        for place, call in calls
        if not any(
            keyword.arg in {"hint", None}
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in call.keywords
        )
    ]
    # The spelling that was meant is in the message.
    assert [each for each in without if "did you mean" not in each] == []

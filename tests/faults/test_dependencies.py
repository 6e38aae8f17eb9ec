"""What is installed beside us: each dependency between two bounds, and here within them."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]

UNBOUNDED = {
    # A list of authorities, in a file, at one function that has never changed: only the newest
    # will do, and no version of it can be too new.
    "certifi",
}
_EXTRAS = _PROJECT["optional-dependencies"]
_REQUIREMENTS = [
    requirement
    for text in [*_PROJECT["dependencies"], *(text for extra in _EXTRAS.values() for text in extra)]
    if (requirement := Requirement(text)).name != _PROJECT["name"]
]


@pytest.mark.parametrize("requirement", _REQUIREMENTS, ids=str)
def test_each_dependency_has_two_bounds_and_holds_them(requirement: Requirement) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}
    if requirement.name in UNBOUNDED:
        assert operators == set()
    else:
        assert operators == {">=", "<"}
        lower, upper = sorted(Version(specifier.version) for specifier in requirement.specifier)
        # A new major version may change anything; before 1.0, any minor one may.
        assert upper.major <= lower.major + 2
    assert requirement.specifier.contains(version(requirement.name))


def test_only_what_is_bounded_is_exempt_from_bounds() -> None:
    assert {requirement.name for requirement in _REQUIREMENTS} >= UNBOUNDED


def test_the_audit_fails_where_nobody_answers_for_a_dependency() -> None:
    """Without it, pip-audit takes for faultless whatever it cannot ask about."""
    assert 'pip-audit" --strict ' in (_ROOT / ".ci" / "audit").read_text()

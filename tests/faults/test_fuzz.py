"""Whatever bytes come, the readers of others' bytes keep to their promises: a result that can be
trusted, or an error of the kind that they say.

Changed documents by hypothesis, which finds the smallest; changed bytes by atheris, which sees
what way they take. The promises are in :mod:`tests.faults.fuzz_targets`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.fuzz_targets import TARGETS
from tests.faults.mutations import OPERATIONS, changed
from tests.support.sampling import IS_WHOLE, sampled

EXAMPLES = {
    "page": sampled(400, 10_000),
    "message": sampled(200, 10_000),
    "s3-error": sampled(100, 5_000),
    "rest-error": sampled(100, 5_000),
    "settings": sampled(50, 1_000),
}
RUNS = {
    "page": sampled(6_000, 4_000_000),
    "message": sampled(6_000, 4_000_000),
    "s3-error": sampled(3_000, 1_000_000),
    "rest-error": sampled(3_000, 1_000_000),
    "settings": sampled(300, 20_000),
}
MOST_SECONDS = 120
"""For a target, by ``make faults``."""

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS), st.integers(0, 300), st.integers(0, 300), st.integers(0, 99)
    ),
    max_size=4,
)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", TARGETS)
def test_documents_changed_a_little_keep_the_promises(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=EXAMPLES[name],
        deadline=None,
        database=None,
        derandomize=not IS_WHOLE,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(target.seeds), CHANGES)
    def keeps(document: bytes, changes: list[tuple[str, int, int, int]]) -> None:
        target.run(changed(document, changes, target.words))

    keeps()
    record_property("documents", EXAMPLES[name])


# Where atheris comes without a wheel (pyproject.toml) this is not collected: what it would do
# there is done, less cleverly, by the test above.
if find_spec("atheris"):

    @pytest.mark.timeout(1200)
    @pytest.mark.parametrize("name", TARGETS)
    def test_bytes_changed_by_coverage_keep_the_promises(
        name: str, record_property: Callable[[str, object], None]
    ) -> None:
        command = [sys.executable, "-m", "tests.faults.fuzzing", name, "--runs", str(RUNS[name])]
        ended = subprocess.run(
            [*command, "--seconds", str(MOST_SECONDS)],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=1000,
            check=False,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == 0, said[-4000:]
        done = re.search(r"#(\d+)\s+DONE\s+cov: (\d+)", said)
        assert done is not None, said[-4000:]
        runs, ways = map(int, done.groups())
        assert runs > 0
        assert ways > 40, "it does not see the product"
        record_property("inputs", runs)
        record_property("branches", ways)

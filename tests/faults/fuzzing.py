"""Fuzzing guided by coverage, in a process of its own, for atheris rewrites what it watches.

    python -m tests.faults.fuzzing page --runs 100000 --seconds 60

Ends with 0 where nothing was found. What is found is printed, and belongs into
``test_fuzz_inputs.py`` once it is mended.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

LONGEST_INPUT_BYTES = 8192
BLIND = 0.3
"""Of the changes: to bytes, as libFuzzer likes them. The others are to pieces."""


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=0, help="0: no limit")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    atheris: Any = import_module("atheris")  # not everywhere there, and without types
    with atheris.instrument_imports(include=["s3sync_tui"]):
        from tests.faults.fuzz_targets import TARGETS
    from tests.faults.mutations import changed_at_random

    target = TARGETS[options.target]
    with tempfile.TemporaryDirectory(prefix="s3sync-fuzz-") as directory:
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        words = Path(directory) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        arguments = {
            "runs": options.runs,
            "max_total_time": options.seconds,
            "seed": options.seed,
            "max_len": LONGEST_INPUT_BYTES,
            "timeout": 20,
            "dict": words,
            "artifact_prefix": f"{directory}/",
        }
        given = [f"-{name}={value}" for name, value in arguments.items()]

        def run(data: bytes) -> None:
            try:
                target.run(data)
            except BaseException:
                sys.stderr.write(f"broken by {data!r}\n")
                raise

        def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
            chance = Random(seed)
            if chance.random() < BLIND:
                return bytes(atheris.Mutate(data, len(data)))
            return changed_at_random(data, chance, target.words)[:most_bytes]

        atheris.Setup([sys.argv[0], *given, str(corpus)], run, custom_mutator=mutate)
        atheris.Fuzz()


def _escaped(word: str) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()

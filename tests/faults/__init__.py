"""Each promise attacked by a test: see docs/PROMISES.md."""

# Every target does its own set-up, from a bare Python 3.11 and a network.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Many tests wait for what they started: one process more than there are cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: demo test faults lint bench screenshots format clean

## See it work: a demo bucket and a Postgres on this machine.
demo: $(VENV)/.demo
	@$(BIN)/s3sync-tui demo

## All checks and all tests, several files at once.
test: lint
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

## Every promise of docs/PROMISES.md attacked at full length: about an hour.
faults: $(VENV)/.dev
	S3SYNC_TEST_FAULTS=whole $(BIN)/pytest --numprocesses $(WORKERS) --dist load --timeout 3600 tests/faults

## Style, types and the layers' rules.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## All measurements against the goals and other tools, into bench/RESULTS.md: 20 minutes.
bench: $(VENV)/.bench
	$(BIN)/python bench/run.py

## The pictures in screenshots/, of the real dashboard on the demo.
screenshots: $(VENV)/.screenshots
	$(BIN)/python screenshots/make.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.screenshots: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[demo]' --group screenshots
	@touch $@

$(VENV)/.bench: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[demo]' --group bench
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[demo]' --group dev
	@touch $@

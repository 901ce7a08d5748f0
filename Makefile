# Everything people and CI run. Needs Python 3.11 or newer with pip, make and curl; `make help` explains the rest.
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# What may be set on the command line, as in `make run PORT=9000`.
PORT ?= 8000
ASK ?= What is 17 * 23?
ARGS ?=
JOBS ?= 2
ROUNDS ?= 3
TIMES ?= 3
SECONDS ?= 5
UV ?= uv
UV_VERSION := 0.13.8
# As it was typed: a `$` in a question is the asker's, not make's.
override ASK := $(value ASK)
export ASK PYTHON

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
COMPILE := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet

.PHONY: help run install install-test test lint format check bench soak chaos lock clean

help: ## Explain every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## Serve on 127.0.0.1 until Ctrl-C, and ask a first question (PORT=8000 ASK="…")
	@LOG_LEVEL=$${LOG_LEVEL:-WARNING} exec $(BIN)/python scripts/foreground.py $(BIN)/bullpen serve --port $(PORT) --ask "$$ASK"

install: ## Make .venv with what Bullpen needs, from requirements.lock (PYTHON=… picks the interpreter)
	@scripts/venv requirements.lock

install-test: ## Make .venv with what Bullpen and its tests need, from requirements-test.lock
	@scripts/venv requirements-test.lock

test: install-test ## Run the whole test suite (JOBS=2 ARGS="tests/unit -k pool")
	$(PYTEST) $(ARGS)

lint: install-test ## Check format, style, types and the floors of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-test ## Format the code, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test ## All that CI runs: lint, then test

bench: install-test ## Measure guards and lanes, Bullpen beside a pass-through and others, a dead model, memory (ROUNDS=3 SECONDS=5)
	$(BIN)/python -m benchmarks --rounds $(ROUNDS) --seconds $(SECONDS) $(ARGS)

soak: install-test ## Ask four servers on one Valkey for five times a limit, and count what is let in (60 s; ARGS="--seconds 6")
	$(BIN)/python -m benchmarks.limits $(ARGS)

chaos: install-test ## Do every fault to a real server under load, three times over, and say which promises hold (ARGS="--only dead5")
	$(BIN)/python -m tests.chaos --times $(TIMES) $(ARGS)

lock: ## Write the three locks anew, with uv (ARGS="--upgrade" takes the newest releases)
	@$(UV) --version >/dev/null 2>&1 || { echo "make lock needs uv: pip install uv==$(UV_VERSION), or name it with UV=…" >&2; exit 1; }
	$(UV) pip compile pyproject.toml --extra build $(COMPILE) $(ARGS) -o requirements.lock >/dev/null
	$(UV) pip compile pyproject.toml --extra build --extra test $(COMPILE) $(ARGS) -c requirements.lock -o requirements-test.lock >/dev/null
	echo virtualenv | $(UV) pip compile - $(COMPILE) $(ARGS) -o requirements-bootstrap.lock >/dev/null

clean: ## Remove .venv and every cache; .bullpen, with its database and keys, stays
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

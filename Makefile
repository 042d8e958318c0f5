# `make demo` runs the main job in a real Airflow; `make test` passes all tests. Both set everything up first.
.POSIX:
.DEFAULT_GOAL := help
.PHONY: help setup lock check test fuzz bench demo demo-stop clean

# For two cores: of `make test` a worker spends a quarter of its time waiting for a server or a process.
WORKERS ?= 3
DEMO_HOME ?= .demo
BIN := .venv/bin

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

setup: ## make .venv/ with everything in it (quick when nothing changed)
	@PYTHON="$(PYTHON)" .ci/setup

lock: setup ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet -o requirements.lock
	@! grep -n '://' requirements.lock || { echo 'requirements.lock must hold no host name' >&2; exit 1; }

check: setup ## lint, types, and the tests that need nothing but Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n $(WORKERS) -m 'not integration and not system'

test: ## all tests, with real servers, a real Airflow and a browser
	@.ci/programs
	@PYTHON="$(PYTHON)" .ci/setup
	PYTEST_DEBUG_TEMPROOT="$$(.ci/scratch)" $(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not system' --durations=40 --durations-min=10 \
		-o tmp_path_retention_policy=failed -o tmp_path_retention_count=1
	$(BIN)/pytest -q -n 2 --dist loadfile -m system tests/system

fuzz: setup ## property tests with new examples, 2,000 of each that names no number
	$(BIN)/pytest -q -n $(WORKERS) -m 'not integration and not system' --hypothesis-profile=search

bench: setup ## measure against peers, side by side; results in benchmarks/results/
	$(BIN)/python -m benchmarks

demo: setup ## partner files through a real Airflow into a local warehouse; leaves the UI running
	@$(BIN)/python -m demo up --home "$(DEMO_HOME)"

demo-stop: ## end exactly the processes that the demo started; its state stays under .demo/
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo stop --home "$(DEMO_HOME)"; fi

clean: demo-stop ## remove .venv/, .demo/ and caches
	rm -rf .venv .cache .demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Everything is installed into .venv; no service needs to run.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check check-long bench lint types architecture clean

demo: .venv/.installed  ## the example company, played to its end
	$(BIN)/seamline demo --once

test: .venv/.developed  ## the whole suite in its short form
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: lint types architecture test  ## what CI runs

check-long: .venv/.developed  ## the long matrices in full
	$(BIN)/pytest -m long

bench: .venv/.benched  ## writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.run

lint: .venv/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.developed
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases --exclude conftest tests

architecture: .venv/.developed
	$(BIN)/lint-imports

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q 'pip>=25.1'

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt -e '.[all]'
	touch $@

.venv/.developed: .venv/.installed
	$(BIN)/pip install -q -c constraints.txt --group dev
	touch $@

.venv/.benched: .venv/.developed
	$(BIN)/pip install -q -c constraints.txt --group bench
	touch $@

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache

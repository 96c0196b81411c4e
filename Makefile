# `make help` lists the targets.
SHELL  := /bin/bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PAGES  := configuration cli api shapes
AHEAD  := $(addprefix tests/,alerts attest attribution config deltaone encoding evaluate gate lm pipeline production \
	program queries registry strategies traces tracking storage/test_blobs.py test_window.py)
FAST   := $(addprefix tests/,config deltaone encoding attribution tracking test_errors.py test_layout.py test_records.py test_window.py)
# Its warnings are what --strict counts, so --quiet would let everything through.
SITE   := said=$$(NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean --site-dir .local/site 2>&1) \
	|| { echo "$$said"; exit 1; }

# Byte code may be cached: without it each of Airflow's processes compiles its imports anew, for ten seconds.
unexport PYTHONDONTWRITEBYTECODE

# uv trusts the system's certificates, as pip and curl do (the older name of the setting is the second).
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true

RESOLVE := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help run run-real up airflow check test ahead matrix lint reference docs pictures bench clean lock install

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## the main job: traffic, Airflow, one DAG per program, a table of verdicts
	@$(BIN)/python -m dev.run

run-real: $(STAMP) ## the pipeline on real texts with a real small model on this machine; fetches 350 MB once
	@$(BIN)/python -m dev.real

up: $(STAMP) ## leave Airflow, MLflow and, if installed, Prometheus running, with addresses and login printed
	@$(BIN)/python -m dev.up

airflow: $(STAMP) ## a command of that Airflow: make airflow ARGS="dags list"
	@$(BIN)/python -m dev.airflow_command $(ARGS)

check: $(STAMP) ## format, rules, types, direction of imports, the fastest tests: before each commit
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports | tail -1
	@$(BIN)/python -m pytest -n 2 --quiet -m "not slow" $(FAST)

test: $(STAMP) ## all tests
	@$(BIN)/python -m pytest -n 3

ahead: $(STAMP) ## the fast tests of the domain with the clock 400 days ahead (needs faketime)
	@faketime -f +400d $(BIN)/python -m pytest -n 2 -m "not slow" $(AHEAD)

matrix: $(STAMP) ## the wheel in each Python and Airflow that is supported: install, parse, one run
	@$(BIN)/python -m dev.matrix

lint: $(STAMP) ## format, rules, types, direction of imports, generated files, the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/teleprompt programs schema | diff - docs/schemas/program.schema.json
	$(BIN)/teleprompt attest schema | diff - docs/schemas/attestation.schema.json
	$(BIN)/python -m dev.verifier --check
	$(BIN)/python -m dev.conformance --check
	@for page in $(PAGES); do $(BIN)/python -m dev.reference.$$page | diff - docs/reference/$$page.md || exit 1; done
	@$(SITE)

reference: $(STAMP) ## write what docs/ holds that is generated: JSON Schemas, reference pages, the verifier and its suite
	$(BIN)/teleprompt programs schema > docs/schemas/program.schema.json
	$(BIN)/teleprompt attest schema > docs/schemas/attestation.schema.json
	$(BIN)/python -m dev.verifier
	$(BIN)/python -m dev.conformance
	@for page in $(PAGES); do $(BIN)/python -m dev.reference.$$page > docs/reference/$$page.md || exit 1; done

docs: $(STAMP) ## build the documentation's site
	@$(SITE)
	@echo "$(CURDIR)/.local/site/index.html"

pictures: $(STAMP) ## draw the pictures of docs/ anew
	@$(BIN)/python -m dev.pictures

bench: $(STAMP) ## measurements, each against what one would use instead
	@$(BIN)/python -m bench

clean: ## remove what make run, make up and make test left behind, and the environment
	rm -rf .local $(VENV)

lock: ## resolve requirements.txt, requirements-cluster.txt and the dev group anew (needs uv)
	$(RESOLVE) -c requirements-cluster.txt requirements.txt -o requirements.lock
	$(RESOLVE) -c requirements.lock requirements-cluster.txt -o requirements-cluster.lock
	$(RESOLVE) -c requirements.lock -c requirements-cluster.lock --group dev -o requirements-dev.lock

install: $(STAMP) ## the environment, .venv, from the lock files

$(STAMP): requirements.lock requirements-cluster.lock requirements-dev.lock pyproject.toml packages/gate/pyproject.toml \
		requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "Installing into $(VENV)"
	@UV=$$(command -v uv || echo $(BIN)/uv); export VIRTUAL_ENV=$(CURDIR)/$(VENV); \
		$$UV pip install --quiet -r requirements.lock -r requirements-cluster.lock -r requirements-dev.lock && \
		$$UV pip install --quiet --no-deps --editable packages/gate --editable .
	@touch $@

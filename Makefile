# Precedent: the front door. `make` lists what there is.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
FILE ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run serve index reindex verify evaluate bench test lint format lock stop

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## make the environment, and nothing else

setup-dev: $(VENV)/.installed-dev

run: setup ## set up, index the bundled sample when the store is empty, and serve
	@$(RUN) -m indexer sample
	@exec $(RUN) -m service

serve: setup ## serve what is there
	@exec $(RUN) -m service

index: setup ## index a file of tickets: make index FILE=tickets.jsonl
	@test -n "$(FILE)" || { echo "say which file: make index FILE=tickets.jsonl (JSONL, JSON or CSV)" >&2; exit 2; }
	@$(RUN) -m indexer sync "$(FILE)"

reindex: setup ## rebuild the index from the ledger, in the model that settings name
	@$(RUN) -m indexer rebuild

verify: setup ## check the index against the ledger
	@$(RUN) -m indexer verify

evaluate: setup ## back-test the priority on later tickets: make evaluate [FILE=tickets.jsonl]
	@$(RUN) -m service.evaluation $(if $(FILE),"$(FILE)")

bench: setup-dev ## measure against bare Chroma, scikit-learn and the ideal rate
	@$(RUN) -m tests.bench

# All at the lowest priority, which the processes that fit forests have: else those would wait for every other test. One thread for
# each product of matrices, as the service and its children have: in the tests' own processes more of them mostly wait for each other.
test: setup-dev ## lint, types and all tests
	@nice -n 19 $(MAKE) --no-print-directory lint >$(VENV)/lint.log 2>&1 & lint=$$!; \
	PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 nice -n 19 $(RUN) -m pytest -n 6 --dist loadfile --no-loadscope-reorder --durations 15; tests=$$?; \
	wait $$lint || { cat $(VENV)/lint.log >&2; exit 1; }; exit $$tests

lint: setup-dev ## ruff and mypy
	@$(VENV)/bin/ruff format --check --quiet . && $(VENV)/bin/ruff check --quiet . && $(VENV)/bin/mypy

format: setup-dev ## format the code
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	@uv pip compile -q pyproject.toml --extra build --extra local --extra postgres --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -o requirements.lock
	@uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -c requirements.lock -o requirements-dev.lock

stop: setup ## stop the service and Chroma
	@$(RUN) -m indexer stop

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)

# The locks are complete, so nothing is resolved: --no-deps, and every file must have its hash.
$(VENV)/.installed: requirements.lock | $(RUN)
	@echo "installing packages (once, about two minutes)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "installing packages for development (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

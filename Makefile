# Every target does its own set-up. ARGS= selects a part; each target ends with one line that sums up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?=
BIN := .venv/bin
ARGS ?=

.PHONY: help setup check size test demo bench e2e wire conformance fault install lock crds clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

setup: .venv/.ready ## make .venv with the locked dependencies, nothing else

.venv/.ready: requirements.lock pyproject.toml functions-framework/pyproject.toml builder/pyproject.toml eventing/pyproject.toml tools/setup.sh tools/python.sh
	@PYTHON=$(PYTHON) tools/setup.sh

check: setup ## ruff, format, mypy --strict, import contracts, size budget, spelling, generated files fresh
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/size.py
	@$(BIN)/codespell openfunction_py functions-framework builder eventing docs samples tests tools *.md
	@$(BIN)/python -m openfunction_py.api.crds --check
	@echo "check: ok"

size: setup ## print the size figures of the packages and enforce the budget
	@$(BIN)/python tools/size.py --verbose

test: setup ## the whole suite; ARGS=fast is the part that takes 90 s at most
	@tools/test.sh $(ARGS)

demo: setup ## functions from manifest to answer, to zero and back, on this machine
	@$(BIN)/python samples/demo.py $(ARGS)

bench: setup ## the performance table; ARGS=<row> selects rows
	@$(BIN)/python -m tests.bench $(ARGS)

e2e: setup ## end-to-end runs with figures; ARGS=zero, update, terminate, same, events, async or backlog
	@$(BIN)/python -m tests.e2e $(ARGS)

wire: setup ## build etcd and kube-apiserver, then run the wire suites on both servers
	@tools/wire.sh $(ARGS)

conformance: setup ## the conformance families, each with its number of cases; ARGS=<family> selects
	@JOBS=$$(nproc) tools/dapr/build.sh
	@OFN_TEST_REQUIRE=all $(BIN)/python -m tests.conformance $(ARGS)

fault: setup ## kill -9 of everything in turn while events and requests run; ARGS=events or platform
	@$(BIN)/python -m tests.fault $(ARGS)

install: setup ## install the four distributions into PREFIX (default ~/.local/share/openfunction-py) with ofn in PREFIX/bin
	@PYTHON=$(PYTHON) tools/install.sh "$${PREFIX:-$$HOME/.local/share/openfunction-py}"

lock: setup ## resolve requirements.lock anew
	@tools/lock.sh

crds: setup ## write config/crd from the types
	@$(BIN)/python -m openfunction_py.api.crds

clean: ## remove the virtual environment and tool caches of this checkout
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist
	@echo "clean: removed .venv and tool caches"

# make help lists the targets. PYTHON chooses the interpreter, ARGS the options of `make lesson` and `make bench`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export PYTHONDONTWRITEBYTECODE :=  # tests start many processes, which load what the first one has compiled

.PHONY: help lesson bench test slow quick lint check cuda clean

help:  ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

lesson: $(VENV)/.installed  ## Set up .venv and measure every claim of the lesson: a ledger here, the runs in results/.
	$(BIN)/rnn-vs-attn lesson $(ARGS)

bench: $(VENV)/.installed  ## Set up .venv and measure: a table here, the run in results/. ARGS="--seq-len 512" passes options on.
	$(BIN)/rnn-vs-attn bench $(ARGS)

test: $(VENV)/.installed-dev $(VENV)-otava/.installed  ## Set up .venv with the development extras and run the tests but the slow ones.
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

slow: $(VENV)/.installed-dev $(VENV)-browser/axe.min.js  ## The slow tests: whole commands and programs at their own sizes.
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

quick: $(VENV)/.installed-dev  ## The short tests that start no process, for the time between two edits.
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not process and not slow and not long"

lint: $(VENV)/.installed-dev  ## Format and lint checks (ruff) and types (mypy).
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test slow  ## Everything that a change must pass: lint, types, tests, slow tests.

cuda: $(VENV)/.installed-dev  ## On a machine with an NVIDIA GPU: every check of the CUDA paths, a table and logs in results/.
	$(BIN)/python benchmarks/cuda/every_check.py $(ARGS)

clean:  ## Remove .venv and what the tools left.
	rm -rf $(VENV) $(VENV)-otava $(VENV)-browser build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else \
	  "rnn-vs-attn needs Python 3.11 to 3.13, %s is %d.%d; choose one with: make PYTHON=python3.12 ..." % (sys.executable, v[0], v[1]))'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,hf]'
	@touch $@ $(VENV)/.installed

# The rules of accessibility that tests hold a page against, where npm can fetch them.
$(VENV)-browser/axe.min.js:
	@mkdir -p $(@D) && cd $(@D) && timeout 120 npm pack --silent axe-core@4.10.2 >/dev/null 2>&1 \
	  && tar -xzf axe-core-4.10.2.tgz --strip-components 1 package/axe.min.js \
	  || echo "note: axe-core cannot be fetched here; its test is skipped"

# Otava reads an export in one test; it wants another numpy than this project, so it has an environment of its own.
$(VENV)-otava/.installed: | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)-otava && $(VENV)-otava/bin/python -m pip install --quiet 'apache-otava==0.8.0' \
	  && touch $@ || echo "note: apache-otava cannot be installed here; its test is skipped"

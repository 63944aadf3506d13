# `make conformance` and `make test` need nothing but make and Python 3.11 or later; they set up .venv themselves.
PYTHON ?= python3
PROFILE ?= standard
EXAMPLES ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready

.PHONY: help conformance test test-fast lint types quickstart bench bench-boundary bench-counts bench-surfaces mutants vectors peers clean

help:
	@echo "make conformance   run the conformance matrix on every library present; writes report/index.html"
	@echo "                   (PROFILE=quick|standard|deep, EXAMPLES=N, ARGS='--only dice_loss ...')"
	@echo "make test          run the tests"
	@echo "make test-fast     run those that take less than a minute together"
	@echo "make mutants       show that the suite rejects wrong implementations"
	@echo "make vectors       write vectors/ anew, the test vectors for other languages"
	@echo "make peers         hold released packages against the reference; writes docs/peers.md and report/peers.html"
	@echo "                   (in .venv-peers, 25 minutes; PROFILE=quick is 5; ARGS='--package monai')"
	@echo "make lint types    style and types"
	@echo "make quickstart    score two segmentations of a real image; writes examples/output/quickstart.png"
	@echo "make bench         speed of the losses, side by side with torch's own"
	@echo "make bench-boundary  speed of the boundary losses, side by side with MONAI's and kornia's where installed"
	@echo "make bench-counts  speed and memory of the counting metrics, side by side with one bincount"
	@echo "make bench-surfaces  speed and memory of the surface metrics, side by side with the packages installed"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "segloss-ref needs Python 3.11 or later; say which with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# torch first and by itself, so that no other package pulls a larger build of it. Without it, its rows say "not run".
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' constraints.txt) || \
	  echo "torch could not be installed: its rows will say 'not run'"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'  # the first with dependency groups
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[conformance,examples,jax,edt]' --group dev
	@touch $@

conformance: $(READY)
	$(BIN)/segloss-conformance run --profile $(PROFILE) $(if $(EXAMPLES),--examples $(EXAMPLES)) \
	  --json report/report.json --html report/index.html $(ARGS)

test: $(READY)
	@# One thread a worker: threads that wait for a core count as processor time, by which tests of `check` are limited.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-fast: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

mutants: $(READY)
	$(BIN)/segloss-conformance mutants $(ARGS)

vectors: $(READY)
	$(BIN)/segloss-conformance vectors

$(PEERS_READY): peers/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch==' constraints.txt)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r peers/requirements.txt
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[conformance]'
	@touch $@

peers: $(PEERS_READY)
	$(PEERS)/bin/python -W ignore peers/run.py --profile $(PROFILE) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

quickstart: $(READY)
	$(BIN)/python examples/quickstart.py

bench: $(READY)
	$(BIN)/python benchmarks/losses.py $(ARGS)

bench-boundary: $(READY)
	$(BIN)/python benchmarks/boundary.py $(ARGS)

bench-counts: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/counts.py $(ARGS)

bench-surfaces: $(READY)
	$(BIN)/python -W ignore benchmarks/surfaces.py $(ARGS)

clean:
	rm -rf $(VENV) $(PEERS) report .pytest_cache .mypy_cache .ruff_cache .hypothesis

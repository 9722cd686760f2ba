# Two commands need nothing but Python 3.11 or newer and make: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := pyproject.toml setup.py js/package-lock.json $(wildcard js/src/*)
NPM := $(BIN)/python tools/npm.py

.PHONY: demo test check check-python check-js unit browser browser-all bundle test-slow test-lowest pictures docs bench bench-browser clean

demo: $(VENV)/.demo
	$(BIN)/python tools/demo.py

test: check unit browser

# Style, types, and the front end's own tests, Python's beside JavaScript's.
check: $(VENV)/.test
	$(MAKE) --jobs 2 check-python check-js

check-python: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-js: $(VENV)/.test
	test -d js/node_modules || $(NPM) ci --no-audit --no-fund
	$(NPM) run typecheck
	$(NPM) test

# Each worker has a half of its own, so that a model that many tests look at is built in one process.
unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/browser

# What a person does in the browser, all of it; `make test` has a part of it.
browser-all: BROWSER = -m "slow or not slow"
browser-all: browser

browser: $(VENV)/.test
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python -m pytest -n 2 --dist worksteal tests/browser $(BROWSER)

# Build js/ anew, after a change to it.
bundle: $(VENV)/.test
	test -d js/node_modules || $(NPM) ci --no-audit --no-fund
	$(NPM) run build

test-slow: $(VENV)/.test
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest -m "slow or not slow" --ignore=tests/browser

# The suite against the oldest versions that pyproject.toml allows.
test-lowest:
	$(PYTHON) tools/make_venv.py .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet -e '.[test]' -c tests/lowest.txt
	.venv-lowest/bin/python -m pytest -W ignore::DeprecationWarning --ignore=tests/browser  # their own, of their time

# The pictures of README and docs: diagrams, and what a person sees in JupyterLab, light and dark.
pictures: $(VENV)/.test
	$(BIN)/python tools/diagrams.py
	PICTURES=docs/pictures CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" \
		$(BIN)/python -m pytest -m slow tests/browser/test_pictures.py

# The site, in docs/_build: every notebook is run, and what it shows becomes a page that needs no kernel.
docs: $(VENV)/.test
	$(BIN)/python -m sphinx -W --keep-going docs docs/_build

bench: $(VENV)/.test
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python benchmarks/side_by_side.py
	$(BIN)/python benchmarks/probe.py
	$(BIN)/python benchmarks/explorer.py
	$(BIN)/python benchmarks/windows.py
	$(BIN)/python benchmarks/ablation.py
	$(BIN)/python benchmarks/attribution.py
	$(BIN)/python benchmarks/recurrent.py
	$(BIN)/python benchmarks/live.py

# What a hand feels in the browser.
bench-browser: $(VENV)/.test
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python benchmarks/browser.py
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python benchmarks/gallery.py
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python benchmarks/long_series.py
	CHROMIUM="$$($(BIN)/python tools/chromium.py | tail -n 1)" $(BIN)/python benchmarks/endurance.py

clean:
	rm -rf $(VENV) .venv-lowest docs/_build docs/_live docs/tutorials tswidgets/static js/node_modules build dist *.egg-info

$(BIN)/python:
	$(PYTHON) tools/make_venv.py $(VENV)

$(VENV)/.demo: $(BIN)/python $(SOURCES)
	rm -rf tswidgets/static
	$(PIP) -e '.[demo]'
	touch $@

# uv installs in a third of pip's time; where it cannot, such as behind an index that only pip is told of, pip does.
$(VENV)/.test: $(BIN)/python $(SOURCES)
	rm -rf tswidgets/static
	$(PIP) uv && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[test]' || $(PIP) -e '.[test]'
	touch $@

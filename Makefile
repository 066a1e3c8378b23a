# make report and make test do everything on a fresh machine with Python 3.11 or newer.
# uv, where there is one, only makes the set-up faster.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export UV_PYTHON_DOWNLOADS = never

# On a terminal the installer shows its progress; in a log only what fails.
quiet = $(if $(MAKE_TERMOUT),,--quiet)
install = if command -v uv >/dev/null 2>&1; \
	then uv pip install $(quiet) --python $(BIN)/python -c constraints.txt $(1); \
	else $(BIN)/python -m pip install $(quiet) --disable-pip-version-check -c constraints.txt $(1); fi

.PHONY: report lab test check test-all test-oldest test-headless test-spark test-soak bench fuzz mutate docs audit release-check clean

report: $(VENV)/.core
	@mkdir -p reports
	$(BIN)/pcnotebooks report --sample -o reports/sample.html

lab: $(VENV)/.core
	$(BIN)/pcnotebooks lab

test: check
	$(BIN)/python -m pytest $(APIECE) --cov --cov-report=term --cov-fail-under=95
# A process for each core; the browser's tests share one.
APIECE = --numprocesses auto --maxprocesses 4 --dist loadgroup

check: $(VENV)/.dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	$(BIN)/python -m pytest --quiet tests/test_project.py::test_environment_equals_pyproject

# The lowest versions that pyproject.toml allows, pandas 2.2 among them, on the newest Python:
# make test has the newest versions, and the machine's Python, which is the oldest in CI. In a
# throw-away environment; browser and keyring depend on none of these versions.
test-oldest: $(VENV)/.dev
	$(BIN)/uv run $(APART) --python $(call found,3.13) --resolution lowest-direct $(PYTEST)

# pyenv's own place, where its shim would refuse a version that is not chosen.
found = $(or $(lastword $(wildcard $(PYENV)/versions/$(1).*/bin/python)),$(1))
PYENV = $(or $(PYENV_ROOT),$(HOME)/.pyenv)
APART = --quiet --no-project --isolated --with-editable '.[test]'
PYTEST = python -m pytest -q $(APIECE) --ignore=tests/browser --ignore=tests/session/test_keyring.py

# Spark, which wants Java 17, knows no pandas 3: an environment of its own.
test-spark: $(VENV)/.dev
	$(BIN)/uv venv --quiet --allow-existing $(VENV)/spark
	$(BIN)/uv pip install --quiet --python $(VENV)/spark/bin/python 'pyspark>=4.0'
	PCNOTEBOOKS_SPARK_PYTHON=$(VENV)/spark/bin/python $(BIN)/python -m pytest -m spark

# The dependency group headless, without Jupyter, in an environment that has nothing else.
test-headless: $(VENV)/.dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/headless
	$(BIN)/uv pip install --quiet --python $(VENV)/headless/bin/python -c constraints.txt --group headless
	$(BIN)/uv pip install --quiet --python $(VENV)/headless/bin/python --no-deps -e .
	$(VENV)/headless/bin/python -m tests.headless

# Minutes long.
test-soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak

test-all: test-oldest test-headless test-spark test-soak test

# Damaged answers against a second reading of them: so many, from a seed that is told.
FUZZ = 20000
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz $(FUZZ)

# Do the tests see faults put in on purpose? An hour; the score of each module has to be 85 %.
mutate: $(VENV)/.dev
	$(BIN)/uv run --quiet --no-project --isolated --with-editable '.[test,mutation-test]' python -m tests.mutate

# Figures, not verdicts, in benchmarks/RESULTS.md; with BENCH_ROUNDS=1 it is only tried out.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# The documentation as a site in build/site. Warnings are errors; no network is asked.
docs: $(VENV)/.docs
	rm -rf docs/reference/generated
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs build/site
	@echo build/site/index.html

# Known vulnerabilities of the pinned versions, from a file of advisories: no network is needed.
audit: $(VENV)/.dev
	@test -n "$(ADVISORIES)" || { echo 'make audit ADVISORIES=all.zip (SECURITY.md says where it is from)'; exit 2; }
	$(BIN)/uv run --quiet --no-project --isolated --with pip-audit python .ci/audit.py $(ADVISORIES)

# What a release still lacks; CONTRIBUTING.md has the steps.
release-check: $(VENV)/.dev
	$(BIN)/uv run --quiet --no-project --isolated --with-editable . --with build --with hatchling --with twine --with pyroma python .ci/release_check.py

clean:
	rm -rf $(VENV) build dist reports screenshots .coverage .*_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("pcnotebooks needs Python 3.11 or newer: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing pcnotebooks and JupyterLab into $(VENV): about 120 packages, up to a minute or two.'
	@$(call install,-e .)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing the development tools into $(VENV): about 230 packages, up to three minutes.'
	@$(call install,-e '.[dev]')
	@touch $@ $(VENV)/.core

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install,-e '.[docs]')
	@touch $@ $(VENV)/.core

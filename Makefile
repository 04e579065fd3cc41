# Both commands need only Python >= 3.11 and make; both may be repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types unit browser faults bench clean

demo: $(VENV)/.installed
	$(BIN)/jobrunner run hello
	$(BIN)/jobrunner run etl

test: lint types unit

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.test-installed
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/api.py

# Coverage is demanded of the pure rooms only: what the rest does is proven from outside. Those tests wait more than they
# compute, hence a third process; in their order, because a month and a week of schedules must not come last.
unit: $(VENV)/.test-installed browser
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile tests/unit
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests --ignore tests/unit --ignore tests/bench

# The HTML report is tested in Debian's Chromium. Only root can install it: without it those tests are skipped, and say
# so; where CI is `true` they fail.
browser:
	@{ command -v chromium && command -v chromedriver; } >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ export PATH="$$PATH:/usr/sbin:/sbin"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver; } \
		|| [ "$$CI" != true ]; \
	else \
		echo 'For the tests of the HTML report install chromium and chromedriver (Debian: chromium chromium-driver).'; \
	fi

# `unit` plays a few rounds of it: jobrunner is killed at random moments. JOBRUNNER_FAULT_SEED repeats what failed.
faults: $(VENV)/.test-installed
	JOBRUNNER_FAULT_ROUNDS=$${JOBRUNNER_FAULT_ROUNDS:-200} $(BIN)/python -m pytest -s tests/faults/test_exactly_once.py

# Figures against a boto3 script in the same run; never part of `test`, because machines are noisy.
bench: $(VENV)/.test-installed
	$(BIN)/python -m tests.bench

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("jobrunner needs Python 3.11 or newer, and $(PYTHON) is %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test-installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage

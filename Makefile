# `make` alone says what there is. Everything is installed into .venv by tools/setup.sh first.
PYTHON := .venv/bin/python
BED := $(PYTHON) -m tests.support.vcan --optional --timeout 900 --

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo lake-demo check pages pages-check test test-long test-vcan test-arm lint format fuzz sanitize coverage docs bench bench-page bench-smoke deb dist lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

setup: ## make .venv and compile the core
	@tools/setup.sh

setup-tests:
	@tools/setup.sh tests

demo: setup ## a simulated vehicle through the real gateway into a real InfluxDB, read back, with a picture
	.venv/bin/nev-telemetry demo

lake-demo: setup ## simulated recordings into a lake by Dask, a worker killed, with a picture and questions
	$(PYTHON) -m tools.lake_demo

test: setup-tests ## the tests, in minutes: unit, property, integration with real servers, faults, real CAN sockets
	@tools/test.sh

test-long: setup-tests ## what `make test` leaves out: campaigns, whole builds, all examples of each property
	@tools/test.sh long

# Tests of CAN sockets run where vcan0 and vcan1 exist: on this kernel, or in User Mode Linux. There importing is slow:
# only the files that have such tests are looked at.
VCAN ?= vcan and not long
test-vcan:
	$(BED) $(PYTHON) -m pytest -q -m "$(VCAN)" -p no:cacheprovider $$(grep -rl "mark\.vcan" --include="test_*.py" tests)

ARCH ?= aarch64
test-arm: ## the wheel and its unit and property tests in an emulated Debian (root; ARCH=armhf: 32 bits)
	tools/test-arm.sh $(ARCH)

BASE ?=
check: setup ## in a minute: lint, types, and the tests that look at what has changed (BASE=main: since then)
	$(PYTHON) -m tools.check $(BASE)

pages: setup ## all that is generated of pages, from the code
	$(PYTHON) -m tools.pages

pages-check: setup ## what of it is out of date, and what pages name that is not there
	$(PYTHON) -m tools.pages --check

lint: setup ## ruff (rules and format) and mypy --strict
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# With clang the core is compiled once more, into a folder of its own, so that the fuzzer sees what it does.
FUZZ_SECONDS ?= 60
fuzz: setup-tests ## any bytes into every reader, for a minute (FUZZ_SECONDS); see fuzz/
	@mkdir -p build; if command -v clang >/dev/null; then \
		CC=clang CXX=clang++ LDSHARED="clang -shared" TELEMETRY_CORE_COVERAGE=1 \
			$(PYTHON) setup.py -q build --build-base build/coverage --build-lib build/coverage/lib >build/coverage.log 2>&1 \
			|| { cat build/coverage.log; exit 1; } \
	else echo "fuzz: no clang: guided by what the Python code does, not by the core"; fi
	PYTHONPATH=build/coverage/lib $(PYTHON) -m fuzz --seconds $(FUZZ_SECONDS)

sanitize: setup ## the core with bounds checks, under the address and undefined-behaviour sanitizers, in its tests
	tools/sanitize.sh

coverage: setup-tests ## which lines of Python and of the core the unit and property tests run
	tools/coverage.sh

docs: setup ## the pages as a site, in build/site; fails at a broken link
	.venv/bin/mkdocs build --strict

format: setup ## rewrite the sources in the one format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: setup-tests ## ratios against peers, measured in one run
	$(PYTHON) -m benchmarks

bench-page: setup-tests ## the same, into docs/benchmarks.md
	$(PYTHON) -m benchmarks --markdown docs/benchmarks.md

bench-smoke: setup-tests ## the benchmarks' code on little data, without looking at the times
	$(PYTHON) -m benchmarks --smoke

deb: ## the Debian package of this machine's release and architecture, in dist/
	tools/deb.sh

dist: setup ## sdist, wheel and SBOM of a release, in dist/
	tools/dist.sh

lock: ## versions and hashes of what releases and the Debian package bring, in packaging/locked
	tools/lock.sh

clean: ## everything that make made
	rm -rf .venv build dist nev-telemetry-demo.png nev-telemetry-lake-demo.png nev-telemetry-demo.html *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find ext -name "*.so" -o -name "*.c" -o -name "*.cpp" -o -name "*.html" | xargs rm -f
	find . -name __pycache__ -prune -exec rm -rf {} +

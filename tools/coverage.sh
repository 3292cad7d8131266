#!/usr/bin/env bash
# Which lines the unit and property tests run: of Python by pytest-cov, of the core by gcov. Arguments go to pytest.
#
# The core is compiled into build/gcov with gcc's counters and with Cython's #line directives, so that what gcov counts
# is lines of the .pyx files, those without the interpreter's lock among them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build
find build -path 'build/gcov*' -name '*.gcda' -delete

TELEMETRY_CORE_GCOV=1 CC=gcc CXX=g++ .venv/bin/python setup.py -q \
    build --build-base build/gcov --build-lib build/gcov/lib >build/gcov.log 2>&1 ||
    { cat build/gcov.log; exit 1; }

export PYTHONPATH=build/gcov/lib
.venv/bin/python -c '
import telemetry_core.decode.decoder as module
assert "/build/gcov/" in module.__file__, module.__file__'
tests=("$@")
[ $# -gt 0 ] || tests=(tests/unit tests/property)
.venv/bin/python -m pytest -q -n auto -p no:cacheprovider --hypothesis-profile=untimed -o pythonpath=". build/gcov/lib" \
    -m "not vcan and not server and not long" --cov=telemetry --cov=firmware_sim --cov-report=term:skip-covered \
    "${tests[@]}" | tee build/coverage.txt
.venv/bin/python tools/core_coverage.py build/gcov | tee -a build/coverage.txt

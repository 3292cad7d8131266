#!/usr/bin/env bash
# Compiles the core with Cython's bounds checks and gcc's address and undefined-behaviour sanitizers into
# build/sanitize, and runs the tests that touch it. The first report ends the process: no test passes over it.
# Arguments go to pytest; --list prints the files and does no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build

# Not the tests that measure memory, or where it comes from: here they would measure the sanitizer's.
mapfile -t tests < <(grep -lrE "telemetry_core|fuzz\.catalogue" --include="test_*.py" \
    --exclude="test_*memory*.py" --exclude="test_allocator.py" --exclude="test_missing_pages.py" \
    tests/unit tests/property)

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${tests[@]}"
    exit
fi

TELEMETRY_CORE_SANITIZE=1 CC=gcc CXX=g++ .venv/bin/python setup.py -q \
    build --build-base build/sanitize --build-lib build/sanitize/lib >build/sanitize.log 2>&1 ||
    { cat build/sanitize.log; exit 1; }

# Python itself is not instrumented: the library comes first, Python's own pools are no hiding place, and what the
# interpreter keeps until its end is no leak. A report must reach the terminal, past what pytest captures.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export LD_PRELOAD PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=build/sanitize/lib

.venv/bin/python -c '
import telemetry_core.decode.decoder as module
assert "/build/sanitize/" in module.__file__, module.__file__'
exec .venv/bin/python -m pytest -q -n auto --capture=sys -p no:cacheprovider --hypothesis-profile=ci \
    -o pythonpath=". build/sanitize/lib" \
    -m "not vcan and not server and not long" "${@:-${tests[@]}}"

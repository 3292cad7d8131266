#!/usr/bin/env bash
# Runs the tests, side by side: two more of them than there are processors, since many wait for a server or a child.
#
#   tools/test.sh         all but campaigns, with a few examples of each property; those of CAN sockets at the same time
#   tools/test.sh long    the campaigns, and all examples of each property; with EXAMPLES_SANITIZED=1 without those
#                         properties of which tools/sanitize.sh tries all
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build

# Some environments keep no bytecode. With it the service starts in 0.28 s of CPU in place of 0.46, and a worker finds
# its tests in half the time.
export PYTHONDONTWRITEBYTECODE=

native() { .venv/bin/python -m pytest -q -n $(($(nproc) + 2)) --dist loadgroup "$@"; }

if [ "${1:-}" = long ]; then
    # Each worker looks through all files that it is given: those alone that have such tests.
    mapfile -t files < <(grep -rlE "mark\.long|hypothesis" --include="test_*.py" tests)
    if [ "${EXAMPLES_SANITIZED:-}" = 1 ]; then
        mapfile -t left_out < <(tools/sanitize.sh --list | grep ^tests/property/ | xargs grep -L "mark\.long")
        mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -vxF "$(printf '%s\n' "${left_out[@]}")")
    fi
    # The core, or Telegraf, is compiled in some of them: that may take half an hour on a machine that is busy.
    native -m "(long or hypothesis) and not vcan" -o timeout=900 -o faulthandler_timeout=1860 "${files[@]}"
    make --no-print-directory test-vcan VCAN="vcan and long"
    printf 'make test-long: %d s\n' "$SECONDS"
    exit
fi

make --no-print-directory test-vcan >build/test-vcan.log 2>&1 &
bed=$!
trap 'kill "$bed" 2>/dev/null || true' EXIT
status=0
native -m "not long and not vcan" --hypothesis-profile=quick tests || status=1
wait "$bed" || status=1
trap - EXIT
printf '\nmake test-vcan, at the same time:\n'
cat build/test-vcan.log
printf '\nmake test: %d s. make test-long adds campaigns and all examples of each property: about as long again.\n' "$SECONDS"
exit "$status"

#!/usr/bin/env bash
# Makes .venv: the project installed in place, its compiled core, the development tools. Safe to run again.
#
#   tools/setup.sh          what `make demo` needs
#   tools/setup.sh tests    and the system programs that tests and benchmarks use
#
# What is missing of Python, its headers and a C++ compiler comes by apt-get (as root or by `sudo -n`); where that
# is impossible, one line says what to install. Nothing outside the clone is touched but by apt-get and caches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# step MESSAGE COMMAND...: says what it does; shows the command's output only when it fails.
step() {
    say "$1"
    "${@:2}" </dev/null >"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "failed: ${*:2}"; }
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

may_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

install_packages() {
    step "installing $* by apt-get" as_root sh -c '
        apt-get -q update &&
        DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
    ' apt "$@"
}

# A Python of at least 3.11 that can make a virtual environment and has its headers; otherwise nothing.
find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$name" - <<'PYTHON' 2>/dev/null
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(sys.version_info < (3, 11) or not os.path.exists(header))
PYTHON
        then
            command -v "$name"
            return
        fi
    done
}

missing=()
[ -n "$(find_python)" ] || missing+=(python3 python3-venv python3-dev)
command -v gcc >/dev/null || missing+=(gcc)
command -v g++ >/dev/null || missing+=(g++)
if [ ${#missing[@]} -gt 0 ]; then
    may_install || fail "please install: apt-get install ${missing[*]}   (Python 3.11 or newer)"
    install_packages "${missing[@]}"
fi
python=$(find_python)
[ -n "$python" ] || fail "no Python of version 3.11 or newer with venv and headers"

if [ "${1:-}" = tests ]; then
    wanted=()
    command -v strace >/dev/null || wanted+=(strace)
    command -v debootstrap >/dev/null || wanted+=(debootstrap)
    command -v dh >/dev/null || wanted+=(debhelper dpkg-dev)
    command -v groff >/dev/null || wanted+=(groff-base)
    [ -x /sbin/mkfs.ext4 ] || [ -x /usr/sbin/mkfs.ext4 ] || wanted+=(e2fsprogs)
    command -v valgrind >/dev/null || wanted+=(valgrind)
    [ -x /sbin/modprobe ] || [ -x /usr/sbin/modprobe ] || wanted+=(kmod)
    [ -x /sbin/ip ] || [ -x /usr/sbin/ip ] || wanted+=(iproute2)
    command -v cansend >/dev/null || wanted+=(can-utils)
    command -v systemd-analyze >/dev/null || wanted+=(systemd)
    for shell in zsh fish; do command -v "$shell" >/dev/null || wanted+=("$shell"); done
    command -v curl >/dev/null || wanted+=(curl)
    command -v jq >/dev/null || wanted+=(jq)
    command -v chromium >/dev/null || wanted+=(chromium fonts-dejavu-core)
    command -v clang >/dev/null || wanted+=(clang)
    # A kernel without the module vcan: the tests of CAN sockets run in User Mode Linux (tests/support/vcan.py).
    if ! PATH="$PATH:/usr/sbin:/sbin" modprobe -nq vcan 2>/dev/null && [ "$(uname -m)" = x86_64 ]; then
        command -v linux.uml >/dev/null || wanted+=(user-mode-linux)
    fi
    if [ ${#wanted[@]} -gt 0 ]; then
        if may_install; then
            install_packages "${wanted[@]}"
        else
            say "what needs ${wanted[*]} is skipped: apt-get install ${wanted[*]}"
        fi
    fi
fi

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    step "making .venv with $("$python" --version)" "$python" -m venv --clear .venv
fi

build_requires() {
    .venv/bin/python -c 'import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"]))'
}

# A stamp holds what a step was done with; the step is done again when that differs.
dependencies=$(sha256sum pyproject.toml)
if [ "$(cat .venv/dependencies.stamp 2>/dev/null)" != "$dependencies" ]; then
    mapfile -t requires < <(build_requires)
    step "installing the build tools" .venv/bin/python -m pip install -q "${requires[@]}"
fi

build=$(sha256sum setup.py; .venv/bin/python -VV)
force=()
[ "$(cat .venv/build.stamp 2>/dev/null)" = "$build" ] || force=(--force)
step "compiling the core" .venv/bin/python setup.py build_ext --inplace "${force[@]}"
printf '%s\n' "$build" >.venv/build.stamp

if [ "$(cat .venv/dependencies.stamp 2>/dev/null)" != "$dependencies" ]; then
    step "installing nev-telemetry in place, with its dependencies" \
        env TELEMETRY_CORE_IN_PLACE=1 .venv/bin/python -m pip install -q --no-build-isolation -e '.[dev]'
    # Used for its databases alone: neither its dependencies nor the versions of Python it asks for matter.
    step "fetching the published databases of opendbc" \
        .venv/bin/python -m pip install -q --no-deps --ignore-requires-python opendbc==0.3.1
    printf '%s\n' "$dependencies" >.venv/dependencies.stamp
fi

# Where the install in place leads is code, which type checkers and editors do not run: they follow folders.
printf '%s\n' "$PWD" "$PWD/ext" >"$(.venv/bin/python -c 'import sysconfig
print(sysconfig.get_path("purelib"))')/nev_telemetry_in_place.pth"

# Tests would fetch them too, but each within its time limit.
if [ "${1:-}" = tests ]; then
    [ -x "${XDG_CACHE_HOME:-$HOME/.cache}/nev-telemetry/influxd-2.8.0/influxd" ] ||
        say "fetching and building the servers that tests start: once, some minutes"
    .venv/bin/python -m tests.support.prepare
fi
say "ready"

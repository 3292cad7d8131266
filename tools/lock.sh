#!/usr/bin/env bash
# Writes packaging/locked/: the newest packages that go together, for every Python and processor, each with its hashes.
#
#   tools/lock.sh        or: make lock
#
# release.txt has what the wheel needs and its extras (the SBOM of `make dist`); debian.txt what the Debian package
# brings, in the same versions; debian-build.txt what builds it. It needs the Python package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/uv"
"$work/uv/bin/pip" --quiet --disable-pip-version-check install uv
lock() {
    "$work/uv/bin/uv" pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
        --custom-compile-command "make lock" "$@"
}

sed -n '/^requires = /s/.*\[\(.*\)\]/\1/p' pyproject.toml | tr -d '" ' | tr , '\n' >"$work/build.in"
sed -n 's/^ *"\(argparse-manpage[^"]*\)",$/\1/p' pyproject.toml >>"$work/build.in"
lock --extra logs --extra mf4 --extra demo --extra parquet --extra plot pyproject.toml -o packaging/locked/release.txt
lock --constraint packaging/locked/release.txt --extra logs --no-annotate pyproject.toml -o packaging/locked/debian.txt
lock --no-annotate - -o packaging/locked/debian-build.txt <"$work/build.in"

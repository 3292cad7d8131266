#!/usr/bin/env bash
# Writes what the wheel needs and its extras, with versions and hashes, as CycloneDX JSON: tools/sbom.sh FILE
#
# It has them from packaging/locked/release.txt, and needs .venv (or PYTHON, one that has cyclonedx-bom).
set -euo pipefail
target=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

"${PYTHON:-.venv/bin/python}" -W "ignore:The Component this BOM" -m cyclonedx_py requirements \
    packaging/locked/release.txt --pyproject pyproject.toml --of JSON --sv 1.6 --output-reproducible -o "$target"

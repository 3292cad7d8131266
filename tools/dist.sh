#!/usr/bin/env bash
# Builds a release into dist/: sdist, wheel of this machine, and SBOM. docs/release.md leads from there to PyPI.
#
# It needs .venv (or PYTHON, one that has the development tools).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}

rm -rf dist packaging/man && mkdir dist
"$python" -m tools.pages.manual packaging/man  # into the sdist, and so into every wheel
"$python" -m build --outdir dist .
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' telemetry/__init__.py)
tools/sbom.sh "dist/nev-telemetry-$version.cdx.json"
grep -q '^\[project.urls\]' pyproject.toml ||
    echo "dist: pyproject.toml has no [project.urls], so PyPI will link to nothing (docs/release.md)" >&2

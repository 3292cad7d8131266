#!/usr/bin/env bash
# Builds the Debian package for this machine's architecture and Debian release, nev-telemetry_VERSION_ARCH.deb, in dist/.
#
#   tools/deb.sh [--into FOLDER]       or: make deb
#
# It needs a clone made by git, Debian's own tools (installed by apt-get when missing) and the Python package index, or
# a folder that has all of packaging/locked (docs/release.md): PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER make deb
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'deb: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

into=dist
[ "${1:-}" != --into ] || into=$2

command -v apt-get >/dev/null || fail "needs Debian, or a system made from it"
missing=()
for package in build-essential debhelper git python3-dev python3-venv; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' $package 2>/dev/null)" = installed ] || missing+=($package)
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]} by apt-get"
    sudo=; [ "$(id -u)" = 0 ] || sudo="sudo -n"
    $sudo apt-get -q update >/dev/null || fail "please install: apt-get install ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install \
        --no-install-recommends "${missing[@]}" >/dev/null || fail "please install: apt-get install ${missing[*]}"
fi

why=$(git rev-parse HEAD 2>&1) || fail "needs a clone of the project: ${why%%$'\n'*}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/nev-telemetry
mkdir "$copy"
# What git would hand out: tracked files, and new ones that are not ignored.
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T - | tar -x -C "$copy" --no-same-owner
mv "$copy/packaging/debian" "$copy/debian"

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' telemetry/__init__.py)-1
cat >"$copy/debian/changelog" <<END
nev-telemetry ($version) unstable; urgency=medium

  * /usr/share/doc/nev-telemetry/CHANGELOG.md.gz says what is new.

 -- The nev-telemetry authors <nev-telemetry@localhost>  $(date -R -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}")
END

say "building $version for Python $(/usr/bin/python3 -c 'import platform; print(platform.python_version())') (minutes)"
(cd "$copy" && dpkg-buildpackage --build=binary --no-sign) >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "failed"; }
mkdir -p "$into"
cp "$work"/nev-telemetry_*.deb "$into/"
say "$into/$(cd "$work" && echo nev-telemetry_*.deb)"

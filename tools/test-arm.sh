#!/usr/bin/env bash
# Builds the wheel and runs the unit and property tests in an emulated Debian of another architecture.
#
#   tools/test-arm.sh [aarch64|armhf]       or: make test-arm ARCH=armhf
#
# Needs root (chroot, mounts), Debian's qemu-user-static and debootstrap (installed when missing) and the network.
# The emulated system is made once and kept, with its virtual environment, in ~/.cache/nev-telemetry/arm; the tests
# see the installed wheel and not the sources. Everything is mounted in a mount namespace of its own, and runs in a
# PID namespace of its own: however the script ends, only the cache stays. Correctness only: how
# long something takes here says nothing. There are no CAN sockets in it; tests that need more skip with a reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'test-arm: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case "${1:-aarch64}" in
    aarch64 | arm64) debian=arm64 qemu=aarch64 machine='\x02\x00\xb7\x00' class='\x02' ;;
    armhf | armv7l) debian=armhf qemu=arm machine='\x02\x00\x28\x00' class='\x01' ;;
    *) fail "not an architecture: $1 (aarch64 or armhf)" ;;
esac
release=${DEBIAN_RELEASE:-bookworm}
# Where this machine's own Debian comes from; debootstrap knows where else.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 2>/dev/null | sed -n 1p)}
root=${XDG_CACHE_HOME:-$HOME/.cache}/nev-telemetry/arm/$release-$debian
formats=/proc/sys/fs/binfmt_misc

[ "$(id -u)" = 0 ] || fail "needs root: chroot and mounts (sudo make test-arm)"

if [ "${TEST_ARM_NAMESPACE:-}" != own ]; then
    missing=()
    command -v "qemu-$qemu-static" >/dev/null || missing+=(qemu-user-static)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]} by apt-get"
        apt-get -q update >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >/dev/null
    fi
    mkdir -p "$(dirname "$root")"
    export TEST_ARM_NAMESPACE=own
    exec flock --no-fork "$root.lock" \
        unshare --mount --pid --fork --kill-child --mount-proc "${BASH_SOURCE[0]}" "$@"
fi

# -- the interpreter of foreign programs. F: opened now, so that it works inside the chroot without a copy there.
[ -e $formats/register ] || mount -t binfmt_misc none $formats || fail "this kernel has no binfmt_misc"
if ! grep -qs '^flags:.*F' "$formats/qemu-$qemu"; then
    name=nev-telemetry-$qemu
    [ ! -e "$formats/$name" ] || printf -- -1 >"$formats/$name" # left by a run that was killed
    trap 'printf -- -1 >"$formats/$name"' EXIT
    magic='\x7fELF'$class'\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00'$machine
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":$name:M::$magic:$mask:$(command -v "qemu-$qemu-static"):OCF" >$formats/register
fi

packages=python3,python3-venv,python3-dev,gcc,g++,git,libffi-dev # the last for zstandard, where it has no wheel
if [ "$(cat "$root/made" 2>/dev/null)" != "$packages" ]; then
    say "making Debian $release for $debian in $root (minutes)"
    rm -rf "$root"
    debootstrap --arch="$debian" --variant=minbase --include="$packages" \
        "$release" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; fail "debootstrap failed"; }
    echo "$packages" >"$root/made"
fi
mount -t proc proc "$root/proc"
mount --rbind --make-rslave /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
mkdir -p "$root/etc/ssl/certs"
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

# -- what git would hand out: tracked files, and new ones that are not ignored
rm -rf "$root/src"
mkdir "$root/src"
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T - | tar -x -C "$root/src" --no-same-owner

# --hypothesis-profile=ci: an emulated processor keeps no deadline.
SECONDS=0
env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_DEFAULT_TIMEOUT=120 PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-}" \
    chroot "$root" bash -euo pipefail -c '
        say() { printf "test-arm: %s\n" "$*" >&2; }
        cd /src
        say "building the wheel on $(uname -m), $(python3 --version)"
        [ -x /opt/venv/bin/pip ] || python3 -m venv /opt/venv
        rm -rf /tmp/dist
        /opt/venv/bin/pip wheel -q --no-deps -w /tmp/dist .
        ls /tmp/dist >&2
        wheel=$(echo /tmp/dist/*.whl)
        /opt/venv/bin/pip install -q --force-reinstall --no-deps "$wheel"
        /opt/venv/bin/pip install -q "$wheel[logs]" pytest hypothesis line-protocol-parser
        # As tools/setup.sh does: for its databases alone.
        /opt/venv/bin/pip install -q --no-deps --ignore-requires-python \
            "$(grep -o "opendbc==[0-9.]*" tools/setup.sh)"
        # The tests must find the wheel: only the data that they read beside it stays.
        rm -rf telemetry ext build
        find firmware_sim -name "*.py" -delete
        say "running the unit and property tests"
        /opt/venv/bin/python -m pytest -q -p no:cacheprovider --hypothesis-profile=ci -o pythonpath=. \
            tests/unit tests/property
    ' || fail "failed on $debian after $SECONDS s"
say "passed on $debian in $SECONDS s"

"""A real systemd in namespaces: with the service's own unit on this machine's files, or on another Debian's.

Promises:
- The files are seen through an overlay; /run, /tmp and /dev are new.
- When systemd ends, or the test does, everything is gone with the namespaces.

Relies on root, cgroup2 and overlayfs.
"""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240

_BOOT = """
set -eu
mount -t tmpfs tmpfs "$FOLDER"
mkdir "$FOLDER/upper" "$FOLDER/work" "$FOLDER/root"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$FOLDER/root"
cd "$FOLDER/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs tmpfs "$place"; done
for device in null zero full random urandom tty; do
    touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm oldroot
mount -t devpts devpts dev/pts

eval "$PREPARE"
mkdir -p etc/systemd/system/probe.target.wants
cp "$PROBE" probe.sh
touch results
mount --bind "$RESULTS" results
printf '[Unit]\\nDescription=probe\\n' >etc/systemd/system/probe.target
cat >etc/systemd/system/probe.service <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /probe.sh
ExecStopPost=/bin/systemctl --no-block exit
StandardOutput=file:/results
END
ln -s ../probe.service etc/systemd/system/probe.target.wants/
# Not chroot: the kernel makes no user namespace (PrivateUsers) for what is in one.
pivot_root . oldroot
umount -l oldroot
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=probe.target --log-target=null --show-status=0
"""

_OUR_UNIT = """
mount -t tmpfs tmpfs var/lib
install=opt/nev-telemetry
mkdir -p "$install/bin" "$install/python" "$install/site" "$install/source"
mount --bind "$PYTHON_PREFIX" "$install/python"
mount --bind "$SITE" "$install/site"
mount --bind "$SOURCE" "$install/source"
cp "$PYTHON" "$install/bin/python"
printf '#!/bin/sh\nexec /opt/nev-telemetry/bin/python -m telemetry "$@"\n' >"$install/bin/nev-telemetry"
chmod 755 "$install/bin/python" "$install/bin/nev-telemetry"

rm -rf etc/systemd/system etc/nev-telemetry
mkdir -p etc/systemd/system etc/nev-telemetry
cp "$SOURCE/packaging/systemd/nev-telemetry.service" etc/systemd/system/
cp "$SOURCE/packaging/gateway.toml" etc/nev-telemetry/
(umask 077; echo secret-token >etc/nev-telemetry/influx-token)
"""

_PYTHON = f"""#!/bin/sh
home=/opt/nev-telemetry
export LD_LIBRARY_PATH=$home/python/lib PYTHONHOME=$home/python PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=$home/source:$home/source/ext:$home/site
exec $home/python/bin/python{sys.version_info.major}.{sys.version_info.minor} "$@"
"""


class NoSystemdError(Exception):
    """There is no way to start a systemd here; the message says why."""


def run(probe: str, folder: Path) -> str:
    """Return what `probe`, a bash script beside the installed service, prints. folder: an empty one."""
    python = folder / "python"
    python.write_text(_PYTHON)
    environment = {
        "PYTHON_PREFIX": sys.base_prefix,
        "SITE": sysconfig.get_path("purelib"),
        "SOURCE": str(ROOT),
        "PYTHON": str(python),
    }
    return _run(probe, folder, Path("/"), _OUR_UNIT, environment)


def run_on(debian: Path, probe: str, folder: Path, packages: Path) -> str:
    """Return what `probe` prints on another Debian, left as it is; it sees `packages` as /packages."""
    prepare = 'mkdir packages; mount --bind "$PACKAGES" packages'
    return _run(probe, folder, debian, prepare, {"PACKAGES": str(packages)})


def _run(probe: str, folder: Path, lower: Path, prepare: str, environment: Mapping[str, str]) -> str:
    script, results, machine = folder / "probe", folder / "results", folder / "machine"
    machine.mkdir()
    script.write_text(probe)
    results.touch()
    namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts")
    done = subprocess.run(
        ["unshare", *namespaces, "bash", "-c", _BOOT],
        env={
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
            "FOLDER": str(machine),
            "LOWER": str(lower),
            "PREPARE": prepare,
            "PROBE": str(script),
            "RESULTS": str(results),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    reported = results.read_text()
    if not reported:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it printed nothing"
        raise NoSystemdError(last)
    return reported

"""The Debian package: built here, then installed, started, upgraded and removed on a bare Debian.

A real systemd runs there.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import telemetry
from tests.support import systemd_machine

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/etc/debian_version")
INCLUDED = "python3,systemd,udev,libstdc++6"  # what the package asks of a bare Debian
pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("packages"),  # the whole core is compiled
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces"),
    pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian"),
    pytest.mark.skipif(
        shutil.which("debootstrap") is None, reason="no debootstrap: apt-get install debootstrap"
    ),
]

PROBE = """
say() { printf 'probe: %s\\n' "$*"; }
unit=nev-telemetry.service
quiet() { "$@" >/var/log/probe 2>&1 || { say "failed: $*"; cat /var/log/probe; }; }
state() { systemctl is-active $unit; }

systemctl start systemd-journald.service
echo 127.0.0.1 localhost >/etc/hosts
quiet dpkg --install /packages/*-1_*.deb
say "installed $(nev-telemetry --version), $(state), $(systemctl is-enabled $unit)"
say "pages $(ls /usr/share/man/man1/nev-telemetry*.gz | wc -l), files $(ls /usr/share/nev-telemetry | xargs)"
(umask 077; echo token >/etc/nev-telemetry/influx-token)
nev-telemetry check /etc/nev-telemetry/gateway.toml 2>&1 | tail -n 1
quiet systemctl enable --now $unit
say "started, $(state), $(systemctl is-enabled $unit)"
first=$(systemctl show -p MainPID --value $unit)
echo '# kept' >>/etc/nev-telemetry/gateway.toml
quiet dpkg --install --force-confold /packages/*-2_*.deb
second=$(systemctl show -p MainPID --value $unit)
say "upgraded, $(state), another process: $([ "$first" != "$second" ] && echo yes)"
say "configuration: $(tail -n 1 /etc/nev-telemetry/gateway.toml)"
ls /var/lib/private/nev-telemetry | grep -c segment | sed 's/^/probe: segments /'
quiet dpkg --remove nev-telemetry
say "removed, $(state), kept: $(ls /etc/nev-telemetry | xargs)"
say "program: $(ls -d /opt/nev-telemetry /usr/bin/nev-telemetry 2>/dev/null | xargs)"
[ -d /var/lib/private/nev-telemetry ] && say "what waits is kept"
quiet dpkg --purge nev-telemetry
left=$(find / -xdev -path /proc -prune -o -name '*nev-telemetry*' -print 2>/dev/null | grep -v ^/run)
say "purged, left: $left"
say end
"""


def run(*command: str | Path) -> None:
    own = os.environ | {"PYTHONPATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the package and its next revision, which differs in its number alone."""
    folder = tmp_path_factory.mktemp("packages")
    unpacked = folder / "unpacked"
    run("tools/deb.sh", "--into", folder)
    (first,) = folder.glob("*.deb")
    run("dpkg-deb", "--raw-extract", first, unpacked)
    control = unpacked / "DEBIAN/control"
    control.write_text(control.read_text().replace("-1\n", "-2\n", 1))
    run(
        "dpkg-deb",
        "-Zgzip",
        "--root-owner-group",
        "--build",
        unpacked,
        folder / first.name.replace("-1_", "-2_"),
    )
    shutil.rmtree(unpacked)
    return folder


@pytest.fixture(scope="module")
def bare_debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a Debian of this machine's release with the package's dependencies and nothing of ours."""
    folder = tmp_path_factory.mktemp("debian")
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )["VERSION_CODENAME"]
    indexes = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"],
        capture_output=True,
        text=True,
        check=True,
    )
    mirrors = indexes.stdout.split()[:1]
    run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", release, folder, *mirrors)
    return folder


def test_a_bare_debian_installs_starts_upgrades_and_removes_the_package(
    packages: Path, bare_debian: Path, tmp_path: Path
) -> None:
    try:
        printed = systemd_machine.run_on(bare_debian, PROBE, tmp_path, packages)
    except systemd_machine.NoSystemdError as error:
        pytest.skip(f"no systemd can be started here: {error}")
    lines = [line.removeprefix("probe: ") for line in printed.splitlines() if line.startswith("probe: ")]
    assert not [line for line in lines if line.startswith("failed")], printed
    version = telemetry.__version__
    assert lines[0] == f"installed nev-telemetry {version}, inactive, disabled"
    assert re.fullmatch(r"pages [1-9]\d, files dashboards packaging", lines[1])
    assert "fault: server http://localhost:8086: no connection: Connection refused" in printed
    assert lines[2:] == [
        "started, active, enabled",
        "upgraded, active, another process: yes",
        "configuration: # kept",
        "segments 1",
        "removed, inactive, kept: gateway.toml influx-token",
        "program: ",
        "what waits is kept",
        "purged, left: ",
        "end",
    ]

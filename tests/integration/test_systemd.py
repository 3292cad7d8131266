"""The files in packaging/, checked by systemd itself; and the unit, run by a real systemd."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from telemetry.live.troubles import ALIVE_WITHIN_S
from telemetry.service.stderr_queue import FLUSH_S
from telemetry.stopping import LIMIT_S
from telemetry.web.server import MAX_CLIENTS, RESERVED_DESCRIPTORS
from tests.support import systemd_machine

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
UNIT = PACKAGING / "systemd" / "nev-telemetry.service"
NETWORKD = Path("/usr/lib/systemd/systemd-networkd")
COMMAND = "/opt/nev-telemetry/bin/nev-telemetry"
MOST_EXPOSED = 25  # tenths of systemd's scale from 0 to 10; 2.0 with systemd 252


def tool(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Write the unit with a command that exists here, the only thing that it cannot find."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace(COMMAND, "/bin/true"))
    return file


def test_systemd_finds_nothing_wrong_with_the_unit(analyze: str, unit: Path) -> None:
    done = tool(analyze, "verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_page_that_packaging_names_is_there() -> None:
    files = [file for file in PACKAGING.rglob("*") if file.is_file()]
    named = {page for file in files for page in re.findall(r"docs/[\w-]+\.md", file.read_text())}
    assert len(named) >= 2
    assert [page for page in sorted(named) if not (ROOT / page).is_file()] == []


def test_systemd_would_find_a_key_that_it_does_not_know(analyze: str, unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    done = tool(analyze, "verify", "--man=no", unit)
    assert "WatchdogSecs" in done.stderr


def test_the_unit_is_no_more_exposed_than_on_record(analyze: str) -> None:
    done = tool(analyze, "security", "--no-pager", "--offline=yes", f"--threshold={MOST_EXPOSED}", UNIT)
    assert done.returncode == 0, done.stdout + done.stderr
    score = re.search(r"exposure level for nev-telemetry.service: ([\d.]+)", done.stdout)
    assert score is not None, done.stdout
    print(f"systemd-analyze security: {score[1]}")  # noqa: T201  for the log of the run


def settings_of_the_unit() -> dict[str, str]:
    """Those that occur once."""
    lines = [line for line in UNIT.read_text().splitlines() if line and line[0] not in "#["]
    names = [line.partition("=")[0] for line in lines]
    return {
        name: value for name, _, value in (line.partition("=") for line in lines) if names.count(name) == 1
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("UMask", "0077"),
        ("StateDirectoryMode", "0700"),
        ("WatchdogSec", "60"),
        ("TimeoutStopSec", "15"),
        ("MemoryMax", "512M"),
        ("OOMPolicy", "continue"),
        ("TasksMax", "64"),
        ("LimitNOFILE", "512"),
    ],
)
def test_the_unit_has_the_settings_that_its_page_gives_reasons_for(setting: str, value: str) -> None:
    """The score of `security` lets one of them go."""
    assert settings_of_the_unit()[setting] == value
    page = (ROOT / "docs" / "systemd.md").read_text()
    assert setting == "StateDirectoryMode" or f"`{setting}={value}`" in page


def test_the_watchdog_waits_longer_than_health_and_stopping_do() -> None:
    settings = settings_of_the_unit()
    assert ALIVE_WITHIN_S < int(settings["WatchdogSec"]) <= 4 * ALIVE_WITHIN_S
    assert int(settings["TimeoutStopSec"]) > LIMIT_S + FLUSH_S


def test_the_limits_of_the_unit_leave_room_for_the_page_and_the_line() -> None:
    assert int(settings_of_the_unit()["LimitNOFILE"]) > MAX_CLIENTS + 2 * RESERVED_DESCRIPTORS


def read_by_networkd(folder: Path, *, extra: str = "") -> list[str]:
    """Return what systemd-networkd says when it reads `folder` in a network namespace of its own."""
    script = f"""
        set -eu
        mount -t tmpfs tmpfs /run
        mkdir -p /run/systemd/network
        cp {folder}/* /run/systemd/network/
        printf '{extra}' >/run/systemd/network/90-extra.network
        exec {NETWORKD}
    """
    with subprocess.Popen(
        ["unshare", "--net", "--mount", "bash", "-c", script],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as daemon:
        assert daemon.stderr is not None
        lines = []
        for line in daemon.stderr:
            lines.append(line.strip())
            if "Enumeration completed" in line:
                daemon.kill()
                return lines
    pytest.skip(f"systemd-networkd does not run here: {lines[-1] if lines else 'it says nothing'}")


@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces")
@pytest.mark.skipif(not NETWORKD.exists(), reason="no systemd-networkd: apt-get install systemd")
@pytest.mark.parametrize("kind", ["classic", "fd", "vcan"])
def test_networkd_finds_nothing_wrong_with_the_files_for_can0(kind: str) -> None:
    lines = read_by_networkd(PACKAGING / "networkd" / kind, extra="[CAN]\\nBitRat=1\\n")
    blamed = [line for line in lines if line.startswith("/run/systemd/network/")]
    assert all("90-extra.network" in line for line in blamed), blamed
    assert any("Unknown key 'BitRat'" in line or "Unknown key name 'BitRat'" in line for line in blamed), (
        "systemd-networkd does not report unknown keys"
    )


@pytest.mark.optional
def test_udev_finds_nothing_wrong_with_the_rules() -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is None or "verify" not in tool(udevadm, "--help").stdout:
        pytest.skip("udevadm cannot verify rules (since systemd 254); the next test reads them")
    done = tool(udevadm, "verify", "--resolve-names=never", "--no-style", PACKAGING / "udev")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_for_serial_adapters_are_matches_and_assignments_that_udev_knows() -> None:
    """udev(7); for the versions of udevadm that cannot verify."""
    matches = {"ACTION", "SUBSYSTEM", "KERNEL", "SUBSYSTEMS", "DRIVERS"}
    assignments = {"GOTO", "GROUP", "MODE", "LABEL", "ENV{ID_MM_DEVICE_IGNORE}", "ATTR{device/latency_timer}"}
    (rules,) = (PACKAGING / "udev").glob("*.rules")
    lines = [line for line in rules.read_text().splitlines() if line and not line.startswith("#")]
    labels, jumps = set(), set()
    for line in lines:
        parts = re.findall(r'([A-Z_a-z{}/]+)(==|!=|=|\+=|:=)"([^"]*)"(?:, |$)', line)
        assert ", ".join(f'{key}{operator}"{value}"' for key, operator, value in parts) == line
        for key, operator, value in parts:
            assert key in (matches if operator in ("==", "!=") else assignments)
            labels |= {value} if key == "LABEL" else set()
            jumps |= {value} if key == "GOTO" else set()
    assert labels == jumps


def test_the_kernel_may_grant_the_receive_buffer_that_a_bus_asks_for_by_default() -> None:
    settings = (PACKAGING / "sysctl.d" / "60-nev-telemetry.conf").read_text()
    values = dict(line.split(" = ") for line in settings.splitlines() if line and not line.startswith("#"))
    assert values == {"net.core.rmem_max": str(16 * 1024 * 1024)}


PROBE = """
say() { printf 'probe: %s\\n' "$*"; }
unit=nev-telemetry.service
config=/etc/nev-telemetry/gateway.toml
command=/opt/nev-telemetry/bin/nev-telemetry
wait_for() {
    for _ in $(seq 100); do journalctl -q -u $unit --grep "$1" && return; sleep 0.1; done
    say "no $1"
}

systemctl start systemd-journald.service
mkdir /etc/systemd/system/$unit.d
cat >/etc/systemd/system/$unit.d/clock.conf <<'END'
[Service]
ExecStartPre=/opt/nev-telemetry/bin/python -c "import ctypes; \\
    print('adjtimex:', ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256)))"
END
systemctl daemon-reload
systemctl start $unit && say started
systemctl show -p StatusText $unit
$command check $config >/dev/null; say "check $?"  # root reads the token's own file
$command status $config | grep source/can0
systemctl reload $unit && wait_for config_reloaded
echo nonsense >>$config
systemctl reload $unit && wait_for config_refused
systemctl is-active $unit
systemctl stop $unit && say stopped
systemctl start $unit
say "wrong: $(systemctl show -p ExecMainStatus,NRestarts --value $unit | xargs)"
stat -c '%a %n' /var/lib/private/nev-telemetry
journalctl -q -u $unit | grep -o 'adjtimex: .*' | head -1
journalctl -q -u $unit | grep -c secret-token
say end
"""


@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces")
def test_a_real_systemd_runs_reloads_and_stops_the_hardened_service(tmp_path: Path) -> None:
    try:
        reported = systemd_machine.run(PROBE, tmp_path)
    except systemd_machine.NoSystemdError as error:
        pytest.skip(f"no systemd can be started here: {error}")
    lines = [line for line in reported.splitlines() if line]
    assert "probe: started" in lines
    assert "StatusText=can0" in reported
    assert "config_reloaded: gateway.toml: can0" in reported
    assert "config_refused" in reported
    assert "is not valid TOML" in reported
    assert "probe: no " not in reported
    assert lines[lines.index("probe: stopped") - 1] == "active"
    assert "probe: wrong: 0 78" in reported, "a wrong configuration is not tried again"
    assert "700 /var/lib/private/nev-telemetry" in lines
    clock = int(lines[-3].removeprefix("adjtimex: "))
    assert 0 <= clock <= 5, "it may be asked whether the clock is synchronised"
    assert lines[-2:] == ["0", "probe: end"], "a secret in the journal"


REFUSALS = """
unit=nev-telemetry.service
config=/etc/nev-telemetry/gateway.toml
command=/opt/nev-telemetry/bin/nev-telemetry
systemctl start systemd-journald.service
cp $config /good.toml
chmod 600 /etc/nev-telemetry/influx-token
try() {
    echo "case $1"
    $command check $config 2>&1 | grep -a 'fault: unit' || echo "foretold nothing"
    timeout 20 systemctl start $unit 2>/dev/null && echo started || echo "not started"
    systemctl stop $unit
    systemctl reset-failed $unit 2>/dev/null
    cp /good.toml $config
    chmod 644 $config
}
try good
chmod 600 $config; try closed
mkdir -p /home/pi; cp /opt/nev-telemetry/source/firmware_sim/wire/vehicle.dbc /home/pi/ev.dbc
sed -i 's#databases = .*#databases = ["/home/pi/ev.dbc"]#' $config; try home
mkdir -m 700 /etc/nev-telemetry/closed; mv /home/pi/ev.dbc /etc/nev-telemetry/closed/
sed -i 's#databases = .*#databases = ["/etc/nev-telemetry/closed/ev.dbc"]#' $config; try folder
sed -i 's#directory = .*#directory = "/srv/spool"#' $config; try spool
sed -i 's#directory = .*#directory = "/tmp/spool"#' $config; try temporary
mv /etc/nev-telemetry/influx-token /token; sed -i '/token_file/d' $config; try token
cp -p /token /etc/nev-telemetry/influx-token
cp -p /token /etc/nev-telemetry/other-token; sed -i 's#influx-token#other-token#' $config; try other
echo "case end"
"""


@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces")
def test_check_by_root_foretells_what_a_real_systemd_refuses_to_the_service(tmp_path: Path) -> None:
    try:
        reported = systemd_machine.run(REFUSALS, tmp_path)
    except systemd_machine.NoSystemdError as error:
        pytest.skip(f"no systemd can be started here: {error}")
    cases = dict(re.findall(r"case (\w+)\n(.*?)(?=case )", reported, re.DOTALL))
    assert cases.pop("good") == "foretold nothing\nstarted\n", reported
    of_its_own = "the spool /tmp/spool: /tmp is the service's own, and empty at each start: take /var/lib/nev"
    fault, _, outcome = cases.pop("temporary").partition("\n")
    assert (f"unit nev-telemetry.service: {of_its_own}" in fault, outcome) == (True, "started\n"), reported
    foretold = {
        "folder": "/etc/nev-telemetry/closed/ev.dbc: the service may not enter /etc/nev-telemetry/closed:",
        "closed": "/etc/nev-telemetry/gateway.toml: the service may not read it: chmod o+r",
        "home": "/home/pi/ev.dbc: ProtectHome hides /home from the service",
        "spool": "the spool /srv/spool: the service may not write there: take /var/lib/nev-telemetry",
        "token": "/etc/nev-telemetry/influx-token is missing, and without it the unit does not start",
        "other": "/etc/nev-telemetry/other-token: the service may not read it: add LoadCredential=other",
    }
    assert cases.keys() == foretold.keys(), reported
    for name, words in foretold.items():
        fault, _, outcome = cases[name].partition("\n")
        assert f"unit nev-telemetry.service: {words}" in fault, reported
        assert outcome == "not started\n", reported


# A pseudo-terminal stands for a port of each driver, by what systemd reads of drivers.
PORTS = """
unit=nev-telemetry.service
config=/etc/nev-telemetry/gateway.toml
command=/opt/nev-telemetry/bin/nev-telemetry
systemctl start systemd-journald.service
cp $config /good.toml
ln -s pts/ptmx /dev/ptmx
$command sim charge --serial-link jbd=/run/jbd >/run/sim.log 2>&1 &
for _ in $(seq 600); do [ -e /run/jbd ] && break; sleep 0.1; done
cp /proc/devices /devices
mount --bind /devices /proc/devices
try() {  # PORT DRIVER GROUP MODE
    touch /dev/$1
    mount --bind "$(readlink -f /run/jbd)" /dev/$1
    chgrp $3 /dev/$1; chmod $4 /dev/$1
    sed "s/^136 .*/136 $2/" /devices >/fresh; cat /fresh >/devices
    printf '[[serial]]\\nname = "b"\\nport = "/dev/%s"\\nprotocol = "jbd"\\n' $1 >>$config
    echo "case $1"
    $command check $config 2>&1 | grep -a 'fault: unit' || echo "foretold nothing"
    systemctl daemon-reload
    systemctl start $unit
    for _ in $(seq 60); do
        $command status $config 2>&1 | grep -aE '^b: (receiving|waiting for)' >/run/said && break
        sleep 0.2
    done
    cat /run/said
    systemctl stop $unit
    cp /good.toml $config
    umount /dev/$1
}
try ttySC0 ttySC dialout 660
try ttymxc0 ttymxc dialout 660
try ttyZZ0 ttyZZ dialout 660
try ttySC1 ttySC root 600
try ttySC2 ttySC games 660
echo "case end"
"""


@pytest.mark.long  # the service starts five times
@pytest.mark.optional
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces")
def test_a_real_systemd_gives_the_ports_of_boards_to_the_service_and_check_foretells_the_others(
    tmp_path: Path,
) -> None:
    try:
        reported = systemd_machine.run(PORTS, tmp_path)
    except systemd_machine.NoSystemdError as error:
        pytest.skip(f"no systemd can be started here: {error}")
    cases = dict(re.findall(r"case (\w+)\n(.*?)(?=case )", reported, re.DOTALL))
    for port in ("ttySC0", "ttymxc0"):
        foretold, _, said = cases.pop(port).partition("\n")
        assert (foretold, said.startswith("b: receiving")) == ("foretold nothing", True), reported
    refused = {
        "ttyZZ0": (
            "the unit forbids it: add DeviceAllow=char-ttyZZ rw",
            "the unit nev-telemetry.service forbids",
        ),
        "ttySC1": ("the service may not open it: have a udev rule give it to the group", "permission denied"),
        "ttySC2": ("the service may not open it: add SupplementaryGroups=games", "permission denied"),
    }
    assert cases.keys() == refused.keys(), reported
    for port, (fault, why) in refused.items():
        foretold, _, said = cases[port].partition("\n")
        assert f"unit nev-telemetry.service: /dev/{port}: {fault}" in foretold, reported
        assert f"b: waiting for /dev/{port}: {why}" in said, reported

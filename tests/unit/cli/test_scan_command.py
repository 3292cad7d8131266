"""`scan` of real pseudo-terminals, with simulated devices behind them."""

import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path

import can
import pytest

from firmware_sim.links.pty import PtyPort
from firmware_sim.links.shared_line import Electrics
from firmware_sim.serial_devices import parse_devices
from firmware_sim.serial_scenario import LineSpec, SimulatedLine, line_spec
from telemetry.__main__ import main
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.scan.bit_rates import interface, listening_only
from telemetry.scan.probes import Probe, follow_ups, scanned, settings_of
from telemetry.scan.serial_scan import Waits
from telemetry.scan.traffic import BusTraffic
from telemetry.sources.serial.link import PyserialLink
from telemetry.sources.stop import StopSignal
from tests.support.bus_traffic import traffic_of
from tests.support.command import command, failed, printed
from tests.support.configuration import GATEWAY
from tests.support.scanned_line import service_battery
from tests.support.serial_pty import served
from tests.unit.cli.test_capture_command import sending
from tests.unit.scan.test_bit_rates import Kernel
from tests.unit.scan.test_can_scan import CHARGE_LOG, VEHICLE

PATIENT = "60"  # seconds, that no answer needs


@pytest.fixture(autouse=True)
def no_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody talks by himself here, and the kernel has CAN."""
    monkeypatch.setattr("telemetry.cli.scan_can.kernel_has_can", lambda: True)
    monkeypatch.setattr("telemetry.cli.scan_ports._WAITS", Waits(listen_s=0.0))


@contextmanager
def simulated(names: str, link: Path) -> Iterator[str]:
    """Start a port with these devices, as `sim --serial-link` has it."""
    line = SimulatedLine(line_spec(names, ()), lambda _: service_battery(), (), 1)
    with served(line.on(PtyPort(link))):
        yield str(link)


def test_a_device_is_found_and_its_configuration_is_printed(tmp_path: Path) -> None:
    with simulated("jbd", tmp_path / "bms") as port:
        said = command("scan", port, "--protocol", "jbd", "--reply-timeout", PATIENT)
    assert said.returncode == 0
    (tmp_path / "gateway.toml").write_text(GATEWAY + said.stdout)
    (source,) = load_config(tmp_path / "gateway.toml", {}).sources
    assert {resource.name for resource in source.resources} == {port}
    assert re.search("model JBD-SP14S004-L14S-60A-[0-9]{6}, 14 cells", said.stdout)
    assert (
        "at each port listens at 9600 baud 8N1; unless something talks, sends 1 request to read"
        in said.stderr
    )


@pytest.mark.long  # the real pace of 2400 baud: 100 requests
@pytest.mark.parametrize("addresses", [(112233445566, 112233445577), (112233445566, 998877665544, 42)])
def test_meters_that_answer_at_once_on_a_terminal_are_found(addresses: Sequence[int], tmp_path: Path) -> None:
    names = parse_devices("+".join(f"dlt645:{one}" for one in addresses))
    spec = LineSpec("", names, ("",) * len(names), Electrics(baud_rate=2400))  # where those who speak collide
    with served(SimulatedLine(spec, lambda _: service_battery(), (), 1).on(PtyPort(tmp_path / "meters"))):
        said = command("scan", tmp_path / "meters", "--protocol", "dlt645", "--format", "json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)["ports"][0]["devices"]
    assert {device["address"] for device in found} == {f"{one:012d}" for one in addresses}


def test_the_configuration_is_written_to_a_file_that_was_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.toml"
    words = ["--protocol", "jbd", "--reply-timeout", PATIENT, "--write", str(file)]
    with simulated("jbd", tmp_path / "bms") as port:
        assert (printed("scan", port, *words), 'protocol = "jbd"' in file.read_text()) == ("", True)
        file.write_text("mine")
        assert main(["scan", port, *words]) == 64
    assert file.read_text() == "mine"
    assert f"{file}: is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "says"),
    [("jk_nw", "maker JK_BD6A20S10P, 14 cells"), ("ant_new", "firmware 24AHA100-211024A, 14")],
)
def test_a_device_on_a_terminal_says_what_it_is(tmp_path: Path, kind: str, says: str) -> None:
    with simulated(kind, tmp_path / "bms") as port:
        said = command("scan", port, "--protocol", kind, "--reply-timeout", PATIENT)
    assert said.returncode == 0
    assert says in said.stdout
    assert f"{port}: found 1 x {kind}" in said.stderr
    assert f"looks at {port}" in said.stderr


def test_what_was_found_as_json(tmp_path: Path) -> None:
    with simulated("jk_nw", tmp_path / "bms") as port:
        words = ["--protocol", "jk_nw", "--reply-timeout", PATIENT, "--format", "json"]
        said = command("scan", port, *words)
    assert said.returncode == 0
    found = json.loads(said.stdout)
    (device,) = found["ports"][0]["devices"]
    assert (found["ports"][0]["port"], device["protocol"], device["cells"]) == (port, "jk_nw", 14)
    assert device["identity"]["maker"] == "JK_BD6A20S10P"


def test_nothing_found_is_one_line_and_a_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = PtyPort(tmp_path / "empty")
    port.plug_in()
    try:
        assert main(["scan", str(port.link), "--reply-timeout", "0.001"]) == 1
    finally:
        port.unplug()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(f"nev-telemetry: {port.link}: nothing was found (")


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ([], " --risky tries jk_55aa, ant_old, vedirect_hex."),
        (["--protocol", "ant_old"], " --risky tries ant_old."),
        (["--protocol", "jbd"], ""),
        (["--protocol", "ant_old", "--risky"], ""),
    ],
)
def test_nothing_found_names_the_option_that_would_try_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], more: str
) -> None:
    port = PtyPort(tmp_path / "empty")
    port.plug_in()
    try:
        assert main(["scan", str(port.link), "--reply-timeout", "0.001", *options]) == 1
    finally:
        port.unplug()
    assert capsys.readouterr().err.endswith(f"swapped?{more} See docs/scan.md)\n")


def test_a_port_that_the_service_reads_is_left_alone(tmp_path: Path) -> None:
    with simulated("jbd", tmp_path / "bms") as port, StopSignal() as stop:
        with PyserialLink(port, 9600).open(stop):
            said = command("scan", port, "--protocol", "jbd")
        assert said.returncode == 69
        assert "another program has the port open" in said.stderr


def test_a_port_that_is_not_there_and_one_that_is_no_name() -> None:
    assert "there is no such port" in failed(69, "scan", "/nowhere/tty")
    assert main(["scan", "gopher://host"]) == 64


def test_a_log_that_is_given_as_a_port_is_refused_with_the_option_for_logs(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.touch()
    assert f"{log}: is a file and not a port" in (shown := failed(64, "scan", log))
    assert "scan --log FILE" in shown


def test_without_a_port_all_of_this_machine_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.cli.scan_ports.candidates", lambda: ["/nowhere/a", "/nowhere/b"])
    assert "/nowhere/a, /nowhere/b: there is no such port" in failed(69, "scan")
    monkeypatch.setattr("telemetry.cli.scan_ports.candidates", list)
    assert "this machine has no serial port" in failed(69, "scan")


def after_all(probe: Probe) -> list[bytes]:
    return [data for meant in probe.meant for data in follow_ups(meant)]


@pytest.mark.parametrize("risky", [False, True])
def test_a_dry_run_prints_each_byte_and_opens_no_port(*, risky: bool) -> None:
    words = ["scan", *["/nowhere/tty"] * 2, "--dry-run", *(["--risky"] if risky else [])]
    settings = settings_of(scanned(), risky=risky)
    said = command(*words)
    assert said.returncode == 0
    sent = [bytes.fromhex(digits) for digits in re.findall("^  ([0-9A-F]+)  to ", said.stdout, re.MULTILINE)]
    assert sent == [probe.data for setting in settings for probe in setting.probes]
    after = {data for setting in settings for probe in setting.probes for data in after_all(probe)}
    shown = re.findall("^    answered by .*?: ([0-9A-F ]+)$", said.stdout, re.MULTILINE)
    assert {bytes.fromhex(digits) for line in shown for digits in line.split()} == after
    assert "scan: /nowhere/tty: there is no such port now\n" in said.stderr
    assert ("jk_55aa: its trigger is a Modbus write" in said.stderr) is not risky
    assert ("unless something talks" in said.stdout) is not risky
    (plan,) = json.loads(printed(*words, "--format", "json"))
    requests = [one["hex"] for setting in plan["settings"] for one in setting["requests"]]
    assert [bytes.fromhex(digits) for digits in requests] == sent


# -- buses


def test_a_log_is_looked_at_in_place_of_a_bus(tmp_path: Path) -> None:
    said = command("scan", "--log", CHARGE_LOG, "--dbc", VEHICLE.parent)
    assert said.returncode == 0
    (tmp_path / "gateway.toml").write_text(GATEWAY + said.stdout)
    (source,) = load_config(tmp_path / "gateway.toml", {}).sources
    assert (source.name, source.buses[0].databases) == ("can0", (VEHICLE,))
    assert "# 1. " in said.stdout
    assert said.stderr == ""


def test_a_log_that_nothing_fits_says_so_and_what_to_try() -> None:
    said = command("scan", "--log", CHARGE_LOG)
    assert said.returncode == 1
    assert said.stdout == ""
    assert (
        "nothing that is known fits (name databases that may fit: --dbc FILE or FOLDER; docs/look.md"
        in said.stderr
    )


def test_a_database_of_one_channel_is_not_tried_on_another() -> None:
    assert main(["scan", "--log", str(CHARGE_LOG), "--dbc", f"can1={VEHICLE}"]) == 1
    assert f'databases = ["{VEHICLE}"]' in printed("scan", "--log", CHARGE_LOG, "--dbc", f"can0={VEHICLE}")


def test_of_a_folder_a_database_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.dbc").write_text('BO_ 1 "')
    (tmp_path / "b.dbc").write_bytes(VEHICLE.read_bytes())
    said = command("scan", "--log", CHARGE_LOG, "--dbc", tmp_path)
    assert said.returncode == 0
    assert f'databases = ["{tmp_path / "b.dbc"}"]' in said.stdout
    assert f"left out: {tmp_path / 'a.dbc'}" in said.stderr


def test_a_bus_of_python_can_is_listened_to() -> None:
    messages = [
        can.Message(arbitration_id=0x1081407F, data=bytes.fromhex("017000000001A684")),
        can.Message(arbitration_id=0x1081407E, data=bytes.fromhex("0182000000000732")),
    ]
    with sending("scanned", messages):
        said = command("scan", "--can", "virtual:scanned", "--seconds", "1")
    assert said.returncode == 0
    assert 'protocol = "huawei_r48xx"' in said.stdout
    assert 'options = { interface = "virtual", channel = "scanned" }' in said.stdout
    assert "virtual:scanned: listens for 1 s, and sends nothing" in said.stderr


@pytest.mark.parametrize(
    ("kind", "only", "said"),
    [
        ("slcan", {"listen_only": True}, "sends nothing"),
        ("seeedstudio", {"operation_mode": "silent"}, "sends nothing"),
        ("pcan", {}, "sends no frames, but may acknowledge others'"),
    ],
)
def test_an_adapter_is_set_to_listen_only_where_python_can_knows_how(
    kind: str,
    only: dict[str, object],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[Mapping[str, object]] = []

    def listen(options: Mapping[str, object], _clock: Clock, _seconds: float) -> BusTraffic:
        opened.append(options)
        return BusTraffic()

    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    assert main(["scan", "--can", f"{kind}:a", "--seconds", "9"]) == 1
    assert opened == [{"interface": kind, "channel": "a", **only}]
    assert f"scan: {kind}:a: listens for 9 s, and {said}\n" in capsys.readouterr().err
    module, name = can.interfaces.BACKENDS[kind]
    assert only.keys() <= signature(getattr(import_module(module), name)).parameters.keys()


def test_a_bus_on_which_nothing_comes_is_one_line() -> None:
    assert "virtual:silent: no frames came" in failed(
        1, "scan", "--can", "virtual:silent", "--seconds", "0.01"
    )


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    assert "--dbc: names databases of a bus" in failed(64, "scan", "--dbc", VEHICLE)
    assert main(["scan", "--log", str(tmp_path / "missing.log")]) == 66
    assert "nowhere9: there is no such interface" in failed(69, "scan", "--can", "nowhere9")


def test_a_kernel_without_can_is_named_before_a_tool_that_would_not_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemetry.cli.scan_can.kernel_has_can", lambda: False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert failed(69, "scan", "--can", "vcan0").startswith("nev-telemetry: vcan0: this kernel has no CAN (")


def set_up(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.cli.scan_can.interface", lambda name: interface(name, kernel.run))
    monkeypatch.setattr(
        "telemetry.cli.scan_can.listening_only", lambda found: listening_only(found, kernel.run)
    )


def test_a_bus_on_which_error_frames_alone_come_is_said_to_have_another_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def listen(_options: object, _clock: Clock, _seconds: float, *, most: int = 0) -> BusTraffic:
        return traffic_of([], errors=most)

    set_up(Kernel(), monkeypatch)
    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    said = failed(1, "scan", "--can", "can7")
    assert "can7: error frames came, and no others" in said
    assert "can7: had no bit rate, and now has the last one tried" in said


def test_an_interface_that_is_down_is_tried_at_one_bit_rate_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[float] = []

    def listen(options: Mapping[str, object], _clock: Clock, seconds: float, *, most: int = 0) -> BusTraffic:
        assert options["channel"] == "can7"
        tried.append(seconds)
        numbers = range(5 if len(tried) > 1 else 0)
        return traffic_of((n * 1_000_000_000, id, 8) for n in numbers for id in (0x9806E5F4, 0x98FF50E5))

    kernel = Kernel()
    set_up(kernel, monkeypatch)
    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    said = command("scan", "--can", "can7", "--seconds", "9")
    assert said.returncode == 0
    assert 'interface = "can7"\nprotocol = "elcon"\nbitrate = 500000\n' in said.stdout
    assert (len(tried), tried[-1], kernel.is_up) == (3, 9.0, False)


def test_a_dry_run_on_a_bus_has_nothing_to_send() -> None:
    said = command("scan", "--can", "can0", "--dry-run")
    assert said.returncode == 0
    assert (said.stdout, said.stderr) == ("", "scan: nothing is sent on buses: they are listened to\n")


def test_an_interface_is_listened_to_with_can_fd_for_five_seconds_at_its_own_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[tuple[Mapping[str, object], float]] = []

    def listen(options: Mapping[str, object], _clock: Clock, seconds: float) -> BusTraffic:
        heard.append((options, seconds))
        return BusTraffic()

    kernel = Kernel(bit_rate=500_000)
    kernel.is_up = True
    set_up(kernel, monkeypatch)
    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    assert main(["scan", "--can", "can7"]) == 1
    assert heard == [({"interface": "socketcan", "channel": "can7", "fd": True}, 5.0)]
    assert "can7: is up: listens for 5 s at its own rate, and sends nothing\n" in capsys.readouterr().err
    assert kernel.commands == []


def test_at_each_rate_that_is_tried_it_listens_for_two_seconds_or_fifty_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[float, int]] = []

    def listen(_options: object, _clock: Clock, seconds: float, *, most: int = 0) -> BusTraffic:
        heard.append((seconds, most))
        return BusTraffic()

    set_up(Kernel(), monkeypatch)
    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    assert main(["scan", "--can", "can7"]) == 1
    assert set(heard) == {(2.0, 50)}
    assert main(["scan", "--can", "can8"]) == 69


@pytest.fixture
def hangups() -> Iterator[None]:
    """They end a program again, where the tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_scan_that_is_ended_leaves_the_interface_as_it_was(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def listen(_options: object, _clock: Clock, _seconds: float, *, most: int = 0) -> BusTraffic:
        signal.raise_signal(number)
        pytest.fail(f"it went on, for {most} frames")

    kernel = Kernel(bit_rate=125_000)
    set_up(kernel, monkeypatch)
    monkeypatch.setattr("telemetry.cli.scan_can.listen", listen)
    assert main(["scan", "--can", "can7"]) == 128 + signal.SIGINT
    assert (kernel.is_up, kernel.listens_only, kernel.bit_rate) == (False, False, 125_000)


def test_an_interface_of_another_kind_that_is_down_is_not_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(kind="vcan")
    set_up(kernel, monkeypatch)
    assert "can7: is down (ip link set can7 up)" in failed(69, "scan", "--can", "can7")
    assert kernel.commands == []

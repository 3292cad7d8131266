"""One log, four commands: `run`, `decode --config`, `check` and `monitor` make the same of it."""

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telemetry.errors import UnavailableError
from tests.support.framing import vedirect_block
from tests.support.gateway import Gateway
from tests.support.lineprotocol import Line, parse_line
from tests.support.serial_pty import PtyDevice

INFLUX = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'
WAIT_S = 30.0
OF_THE_SERVICE = ("source_", "service_", "sink_", "log_", "clock_", "values_", "device_", "spool_")

J1939_DBC = """VERSION ""
BU_: BMS
BO_ 2618382068 BCS: 9 BMS
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ MinutesLeft : 56|16@1+ (1,0) [0|0] "min" BMS
"""
J1939 = ("1CEC56F4#1009000200001100", "1CEB56F4#01FE0E5A0E51414D", "1CEB56F4#022B00FFFFFFFFFF")
J1939_MAP = '[[map]]\nsignal = "BCS.Voltage"\nto = "battery.voltage_v"\n'

UDS_DBC = """VERSION ""
BU_: ECU
BO_ 2024 Answer: 20 ECU
 SG_ PackVoltage : 31|16@0+ (0.1,0) [0|0] "V" ECU
 SG_ Last : 151|8@0+ (1,0) [0|0] "" ECU
"""
UDS = ("7E8#10146201010F9B04", "7E8#2106070809101112", "7E8#22141516171819AA")
UDS_MAP = '[[map]]\nsignal = "Answer.PackVoltage"\nto = "battery.voltage_v"\n'

PROTECTED_DBC = """VERSION ""
BU_: ECU
BO_ 291 Pack: 3 ECU
 SG_ Alive : 8|8@1+ (1,0) [0|0] "" ECU
 SG_ Volts : 16|8@1+ (1,0) [0|0] "V" ECU
"""
PROTECTED_MAP = """[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[protect]]
message = "Pack"
profile = "counter"
counter = "Alive"
"""

CELLS_DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 4 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Fault : 16|8@1+ (1,0) [0|0] "" BMS
BO_ 257 Cells: 8 BMS
 SG_ Cell1 : 0|16@1+ (0.001,0) [0|0] "V" BMS
 SG_ Cell2 : 16|16@1+ (0.001,0) [0|0] "V" BMS
"""
CELLS_MAP = """[reduce]
every_s = 1.0
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Cells.Cell{n}"
to = "cells.v{n}"
[[map]]
signal = "Pack.Fault"
to = "event.bms_fault"
when = [1, 2]
[[limit]]
field = "battery.voltage_v"
above = 400.0
hysteresis = 1.0
code = "pack_overvoltage"
"""

POWER_DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 4 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Amperes : 16|16@1+ (0.1,0) [0|0] "A" BMS
"""
POWER_MAP = """[[session]]
pack = "main"
starts_after_s = 3.0
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Pack.Amperes"
to = "battery.current_a"
"""


@dataclass(frozen=True)
class Case:
    """A log and what a configuration says of its bus. keys: of the source; rest: tables after it."""

    database: str
    frames: tuple[str, ...]
    keys: str = ""
    rest: str = ""

    def write(self, folder: Path, name: str = "can0") -> Path:
        (folder / "bus.dbc").write_text(self.database)
        log = folder / f"{name}.log"
        stamps = (1_700_000_000_000_000 + 100_000 * number for number in range(len(self.frames)))
        lines = zip(stamps, self.frames, strict=True)
        log.write_text("".join(f"({us // 10**6}.{us % 10**6:06}) {name} {frame}\n" for us, frame in lines))
        return log


def pack(tenths: int, fault: int) -> str:
    return f"100#{tenths.to_bytes(2, 'little').hex()}{fault.to_bytes(2, 'little').hex()}"


def cells(one: int, two: int) -> str:
    return f"101#{one.to_bytes(2, 'little').hex()}{two.to_bytes(2, 'little').hex()}00000000"


CASES = {
    "plain": Case(CELLS_DBC, tuple(pack(3900 + n, 0) for n in range(40))),
    "J1939 transport": Case(J1939_DBC, J1939 * 10, rest=J1939_MAP),
    "ISO-TP": Case(UDS_DBC, UDS * 10, keys='isotp = [{ id = "7E8" }]\n', rest=UDS_MAP),
    "protected": Case(
        PROTECTED_DBC,
        tuple(f"123#00{n:02X}{60 + n:02X}" for n in (0, 1, 2, 2, 3, 9, 10, 11, 12)),
        rest=PROTECTED_MAP,
    ),
    "mapped with alarms": Case(
        CELLS_DBC,
        tuple(
            frame
            for n in range(60)
            for frame in (pack(3990 + 30 * (20 <= n < 40), 2 * (30 <= n < 45)), cells(3700 + n, 3600 - n))
        ),
        rest=CELLS_MAP,
    ),
    "charged by power": Case(POWER_DBC, tuple(pack(4000, 100 * (n >= 5)) for n in range(60)), rest=POWER_MAP),
    "masked": Case(
        CELLS_DBC,
        tuple(f"1{n:X}0#A00F0000" for n in range(16)),
        keys='id_masks = ["70F"]\nfirst_wins = true\nvalue_texts = true\n',
    ),
}


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "telemetry", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 69), done.stderr
    return done.stdout


def config(folder: Path, kind: str, case: Case) -> Path:
    """Write a configuration whose only source is `kind`, with the keys that the kind needs."""
    own = {"replay": 'name = "log"\nfile = "can0.log"\n', "can": 'name = "can0"\n'}[kind]
    file = folder / f"{kind}.toml"
    source = f'[[{kind}]]\n{own}databases = ["bus.dbc"]\n{case.keys}{case.rest}'
    file.write_text(f'vehicle = "van"\n{INFLUX}[spool]\ndirectory = "spool"\n{source}')
    return file


def written_by_the_service(gateway: Gateway, is_done: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Return what waits in the spool when all is read, less what the service says of itself."""
    gateway.start()
    deadline_s = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(UnavailableError):  # it has not begun yet
            if is_done(gateway.status()):
                break
        assert time.monotonic() < deadline_s, gateway.output()
        time.sleep(0.05)
    assert gateway.terminate() == 0, gateway.output()
    lines = command("spool", "export", str(gateway.directory / "spool")).splitlines()
    return [line for line in lines if not _is_of_the_service(line)]


def _is_of_the_service(line: str) -> bool:
    point = parse_line(line.encode())
    return point.measurement == "gateway" or (
        point.measurement == "event" and point.tags["code"].startswith(OF_THE_SERVICE)
    )


def points_a_second(lines: list[str]) -> str:
    stamps = [int(line.rpartition(" ")[2]) for line in lines]
    return f"{len(lines) / ((max(stamps) - min(stamps)) / 1e9):.0f} points/s"


@pytest.mark.parametrize("name", CASES)
def test_all_commands_make_the_same_of_a_log(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    log = case.write(tmp_path)
    file = config(tmp_path, "replay", case)
    with Gateway(tmp_path, "", "") as gateway:
        gateway.config.write_text(file.read_text() + '[web]\nlisten = "off"\n')
        lines = written_by_the_service(gateway, lambda status: status["state"].get("source/log") == "ended")
    assert lines
    for session in (point.fields for point in points(lines) if point.measurement == "charging_session"):
        lasted_s, power_w = float(session["duration_s"]), float(session["mean_power_w"])
        assert float(session["energy_wh"]) == pytest.approx(lasted_s * power_w / 3600, abs=1e-5)
        assert (lasted_s, power_w) == pytest.approx((float(session["covered_vehicle_s"]), 4000.0))

    for kind in ("replay", "can"):
        decoded = command("decode", "--config", str(config(tmp_path, kind, case)), "--format", "lp", str(log))
        if "[[session]]" in case.rest:  # whose rows the service writes before those of their frames
            assert sorted(decoded.splitlines()) == sorted(lines)
        else:
            assert decoded.splitlines() == lines

    assert f"source log: {points_a_second(lines)}, " in command("check", str(file))

    live = json.loads(command("monitor", "--json", "--log", str(log), "--map", str(file)))
    assert events_of(live) == [point.tags["code"] for point in points(lines) if point.measurement == "event"]
    made = {name.removeprefix("points/made/"): n for name, n in live["accounts"].items() if "/made/" in name}
    if not ("[reduce]" in case.rest or "[[session]]" in case.rest):  # what is held or open is not made yet
        assert {name: n for name, n in made.items() if n} == Counter(
            each.measurement for each in points(lines)
        )
    voltages = [each.fields["voltage_v"] for each in points(lines) if each.measurement == "battery"]
    assert [each["battery"]["voltage_v"] for each in live["packs"]] == [float(each) for each in voltages[-1:]]


def points(lines: list[str]) -> list[Line]:
    return [parse_line(line.encode()) for line in lines]


def events_of(live: dict[str, Any]) -> list[str]:
    """Return the event codes, oldest first, less those of the feed itself."""
    codes = [event["code"] for event in reversed(live["events"])]
    return [code for code in codes if not code.startswith(OF_THE_SERVICE)]


BLOCKS = [
    vedirect_block({"PID": "0x203", "V": str(26_000 - 100 * n), "AR": "0" if n < 3 else "4", "SOC": "900"})
    for n in range(6)
]


def test_a_serial_capture_gives_what_the_service_wrote_when_it_was_taken(tmp_path: Path) -> None:
    """But for the stamps: those of a capture are cut to microseconds."""
    with PtyDevice(tmp_path / "port") as device, Gateway(tmp_path, "", "") as gateway:
        source = f'name = "shunt"\nport = "{device.link}"\nprotocol = "vedirect"\ncapture = "shunt.txt"\n'
        limit = '[[limit]]\nfield = "battery.voltage_v"\nbelow = 25.7\ncode = "pack_undervoltage"\n'
        gateway.config.write_text(
            f'vehicle = "van"\n{INFLUX}[web]\nlisten = "off"\n[spool]\ndirectory = "spool"\n'
            f"[[serial]]\n{source}{limit}"
        )
        left = list(reversed(BLOCKS))

        def is_done(status: dict[str, Any]) -> bool:
            """Write one block after another, each after the last one has become frames."""
            if status["state"].get("source/shunt", "stopped") == "stopped":
                return False  # a port that opens discards what came before
            if status["accounts"].get("frames/shunt/decoded", 0) == len(BLOCKS) - len(left):
                if not left:
                    return True
                device.write(left.pop())
            return False

        lines = written_by_the_service(gateway, is_done)
    decoded = command(
        "decode", "--config", str(gateway.config), "--format", "lp", str(tmp_path / "shunt.txt")
    )
    assert without_stamps(decoded.splitlines()) == without_stamps(lines)
    assert "code=soc_low" in decoded
    assert "code=pack_undervoltage" in decoded


def without_stamps(lines: list[str]) -> list[str]:
    return [line.rpartition(" ")[0] for line in lines]

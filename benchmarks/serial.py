"""Serial devices: how many messages of a capture a second decode, and what devices that are polled cost.

`python -m benchmarks.serial [MESSAGES]` prints it. Speed is that of `decode --protocol NAME --format csv`
as a process, by its own CPU time, on a capture of simulated devices with the requests in it. The cost of
polling is that of the source (turns, framing, frames) on a simulated line, without the system calls of a real
port and without the pipeline after it. Memory is what a process of its own then has resident, eight devices
against one.
"""

import gc
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Section, goal
from firmware_sim.ecus.readings import Readings
from firmware_sim.wire import daly, dlt645
from firmware_sim.wire import jbd as jbd_wire
from firmware_sim.wire import modbus_registers as modbus
from telemetry.config import load_config
from telemetry.sources.inbox import Inbox
from telemetry.sources.items import Arrival
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.shared_line import SharedLine

LEAST_PER_S = 50_000
MOST_SHARE = 0.01  # of a core, for eight devices
MOST_MORE_BYTES = 2_000_000  # of eight devices, over one
DEVICES = 8
MESSAGES = 1_000_000  # of a capture
SIMULATED_S = 600.0

_MOMENT = Readings(
    cells_v=tuple(3.3 + n / 1000 for n in range(16)),
    sensors_c=(25.0, 24.0, 23.5, 22.0),
    voltage_v=52.9,
    current_a=-12.3,
)
_BASIC = bytes.fromhex("19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97")
_CELLS = b"".join((3300 + n).to_bytes(2, "big") for n in range(16))
_METER = dlt645.MeterReadings(400.0, 120.5, 48_200.0, 1_234_560.0, 0.0)


def conversations() -> dict[str, list[tuple[bytes, bytes]]]:
    """Requests and replies of each protocol, to be said again and again; all of a reply at once."""
    address = "112233445566"
    return {
        "jbd": [
            (jbd_wire.request(register), jbd_wire.reply(register, data))
            for register, data in ((jbd_wire.BASIC_INFO, _BASIC), (jbd_wire.CELL_VOLTAGES, _CELLS))
        ],
        "daly": [
            (daly.request(id), daly.frame(1, id, daly.answers(id, _MOMENT, daly.DalyFirmware())[0]))
            for id in (daly.PACK, daly.SWITCHES, daly.STATUS, daly.ALARMS)
        ],
        "daly_modbus": [
            (
                modbus.request(0xD2, 3, 0, 62),
                modbus.reply(0xD2, 3, [modbus.daly(_MOMENT)[3, n] for n in range(62)]),
            )
        ],
        "modbus": [
            (modbus.request(1, 4, 0, 8), modbus.reply(1, 4, [modbus.pzem(_MOMENT)[4, n] for n in range(8)]))
        ],
        "dlt645": [
            (
                dlt645.request(identifier, address),
                b"".join(dlt645.MeterLine(lambda: _METER).feed(dlt645.request(identifier, address))),
            )
            for identifier in (dlt645.VOLTAGE, dlt645.CURRENT, dlt645.POWER, dlt645.FORWARD)
        ],
    }


def write_capture(file: Path, pairs: list[tuple[bytes, bytes]], messages: int) -> None:
    """A capture with so many replies, each after its request."""
    with file.open("w") as out:
        for number in range(messages):
            asked, answered = pairs[number % len(pairs)]
            out.write(f"({1_760_000_000 + number}.000000) line TX {asked.hex()}\n")
            out.write(f"({1_760_000_000 + number}.061000) line RX {answered.hex()}\n")


def messages_per_s(name: str, file: Path, messages: int) -> float:
    """By the CPU time of the command, its start included."""
    command = [sys.executable, "-m", "telemetry", "decode", "--protocol", name, str(file)]
    command += ["--registers", "pzem_017"] if name == "modbus" else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return messages / used_s


def _configuration(devices: int) -> str:
    top = 'vehicle = "v"\n[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n[spool]\ndirectory = "s"\n'
    port = '[[serial]]\nname = "line"\nport = "/dev/line"\nbaud_rate = 115200\nstop_bits = 1\n'
    device = '[[serial.device]]\nname = "d{0}"\nprotocol = "modbus"\nregisters = "pzem_017"\naddress = {0}\n'
    return top + port + "".join(device.format(number) for number in range(1, devices + 1))


def share_of_a_core(folder: Path, devices: int = DEVICES) -> float:
    """CPU time over simulated time of meters on one line, each polled once a second."""
    file = folder / "gateway.toml"
    file.write_text(_configuration(devices))
    (settings,) = load_config(file, {}).sources
    clock, inbox = FakeClock(), Inbox()
    source = settings.make_source(Start(clock, lambda name: int(name[1:])))
    assert isinstance(source, SerialSource)

    def drain() -> None:
        while (item := inbox.get(0)) is not None:
            if isinstance(item, Arrival):
                inbox.give_back(item.batch)

    boards = [modbus.ModbusLine(lambda: modbus.pzem(_MOMENT), number) for number in range(1, devices + 1)]
    with StopSignal() as stop:
        source._link = SharedLine(boards, clock, stop, ends_s=SIMULATED_S, every_minute=drain)
        begin_s = time.process_time()
        source.run(inbox, stop)
        return (time.process_time() - begin_s) / SIMULATED_S


def resident_bytes(devices: int) -> int:
    """Of a process that has polled so many meters for as long."""
    command = [sys.executable, "-m", "benchmarks.serial", "resident", str(devices)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print_resident(devices: int) -> None:
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as name:
        share_of_a_core(Path(name), devices)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(pages * resource.getpagesize())


def measure_serial(folder: Path, messages: int) -> list[Section]:
    """Captures and polled devices, each with its goals."""
    return [_captures(folder, messages), _polled(folder)]


def _captures(folder: Path, messages: int) -> Section:
    rows = []
    for protocol, pairs in conversations().items():
        file = folder / "capture"
        write_capture(file, pairs, messages)
        rate = messages_per_s(protocol, file, messages)
        rows.append((f"`{protocol}`", f"{rate:,.0f}", *goal(rate, at_least=LEAST_PER_S)))
    return Section(
        "Captures of serial devices",
        f"`decode --protocol NAME` of {messages:,} replies with their requests into csv: the whole "
        "command by its CPU time, its start included.",
        ("protocol", "messages/s", "goal", "met"),
        tuple(rows),
    )


def _polled(folder: Path) -> Section:
    share_pct = 100.0 * share_of_a_core(folder)
    more_mb = (resident_bytes(DEVICES) - resident_bytes(1)) / 1e6
    return Section(
        "Serial devices on one line",
        "Eight meters on one simulated line, each polled once a second: the source without the pipeline "
        "after it. MB: what a process has resident, over one with a single meter.",
        ("% of a core", "goal", "met", "MB more than with one", "goal", "met"),
        (
            (
                f"{share_pct:.2f}",
                *goal(share_pct, at_most=100.0 * MOST_SHARE),
                f"{more_mb:.2f}",
                *goal(more_mb, at_most=MOST_MORE_BYTES / 1e6),
            ),
        ),
    )


def main() -> int:
    if sys.argv[1:2] == ["resident"]:
        _print_resident(int(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as name:
        sections = measure_serial(Path(name), int(sys.argv[1]) if sys.argv[1:] else MESSAGES)
    for section in sections:
        print(section.as_text(), flush=True)
    return 1 if any("no" in row for section in sections for row in section.rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())

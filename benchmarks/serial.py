"""Serial devices: how many messages of a capture a second decode, and what devices that are polled cost.

`python -m benchmarks.serial [MESSAGES]` prints it. Speed is that of `decode --protocol NAME --format csv`
as a process, by its own CPU time, on a capture of a simulated device of each protocol, with its requests. The
cost of polling is that of the source (turns, framing, frames) on a simulated line, without the system calls
of a real port and without the pipeline after it. Memory is what a process of its own then has resident, eight
devices against one.
"""

import gc
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from benchmarks.report import Section, goal
from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.serial_devices import KINDS, DeviceName, device_end
from firmware_sim.wire import modbus_registers as modbus
from firmware_sim.wire.readings import Readings
from telemetry.config import load_config
from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus as modbus_of
from telemetry.protocols.table import SerialProtocol
from telemetry.sources.inbox import Arrival, Inbox
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.shared_line import SharedLine

LEAST_PER_S = 50_000
LEAST_PER_S_OF = {"jk_55aa": 40_000}  # 300 bytes, and a second message that says whose they are
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
_SETTLED_S = 600.0  # of the battery
_REGISTERS = "pzem_017"

Conversation = Sequence[tuple[bytes, Sequence[bytes]]]  # requests, each with the messages that answer it


def conversation(protocol: SerialProtocol) -> Conversation:
    """Return a minute of polling of a simulated device; no requests where it talks by itself."""
    kind = protocol.name.removesuffix("_hex")
    battery = ServiceBattery(ServiceSpec(), 1)
    battery.tick(_SETTLED_S)
    end = device_end(DeviceName(kind, KINDS[kind].usual), battery)
    address = protocol.addresses.default if protocol.addresses else NO_ADDRESS
    mapped = modbus_of(read_register_map(find_map(_REGISTERS))) if protocol.name == "modbus" else protocol
    said = []
    for second in range(60):
        said += [(b"", [message]) for message in end.due((second + 1) * 10**9)]
        for one in mapped.requests:
            if second % round(one.every_s) == 0:
                request = one.to(address)
                said.append((request, end.feed(request)))
    return said


def write_capture(file: Path, said: Conversation, messages: int) -> int:
    """Write a capture with at least so many messages, each after its request; return their bytes."""
    written = size = 0
    with file.open("w") as out:
        for second, (asked, answered) in enumerate(cycle(said)):
            if asked:
                out.write(f"({1_760_000_000 + second}.000000) line TX {asked.hex()}\n")
            if answered:
                reply = b"".join(answered)
                out.write(f"({1_760_000_000 + second}.061000) line RX {reply.hex()}\n")
                written += len(answered)
                size += len(reply)
            if written >= messages:
                break
    return size


def messages_per_s(name: str, file: Path, messages: int) -> float:
    """Measure the CPU time of the command, its start included."""
    command = [sys.executable, "-m", "telemetry", "decode", "--protocol", name, str(file)]
    command += ["--registers", _REGISTERS] if name == "modbus" else []
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
    """Measure a process that has polled so many meters for as long."""
    command = [sys.executable, "-m", "benchmarks.serial", "resident", str(devices)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print_resident(devices: int) -> None:
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as name:
        share_of_a_core(Path(name), devices)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(pages * resource.getpagesize())


def measure_serial(folder: Path, messages: int) -> list[Section]:
    """Measure captures and polled devices, each with its goals."""
    return [_captures(folder, messages), _polled(folder)]


def _captures(folder: Path, messages: int) -> Section:
    rows = []
    for name, protocol in PROTOCOLS.items():
        file = folder / "capture"
        size = write_capture(file, conversation(protocol), messages)
        rate = messages_per_s(name, file, messages)
        length, mb_per_s = size / messages, rate * size / messages / 1e6
        met = goal(rate, at_least=LEAST_PER_S_OF.get(name, LEAST_PER_S))
        rows.append((f"`{name}`", f"{length:.0f}", f"{rate:,.0f}", f"{mb_per_s:.2f}", *met))
    return Section(
        "Captures of serial devices",
        f"`decode --protocol NAME` of {messages:,} messages with their requests into csv, as a minute of "
        "polling has them: the whole command by its CPU time, its start included. A message of `jk_55aa` is "
        "a frame of 300 bytes and the acknowledgement that says whose it is. A line of 115,200 baud brings "
        "0.0115 MB/s.",
        ("protocol", "bytes a message", "messages/s", "MB/s", "goal", "met"),
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

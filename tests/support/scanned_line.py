"""A serial line for a scan, in simulated time: devices that understand one setting of it alone."""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.links.shared_line import DeviceEnd
from firmware_sim.serial_devices import KINDS, device_end, parse_devices
from firmware_sim.wire import daly, dlt645
from firmware_sim.wire import modbus_registers as registers
from firmware_sim.wire.asked import AskedLine
from firmware_sim.wire.readings import Readings
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import EIGHT_N_ONE, LineSettings
from telemetry.scan.probes import scanned, settings_of
from telemetry.scan.serial_scan import LineReport, LineScan, Waits
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock

ANSWERS_AFTER_S = 0.04
LEAST_S = 1e-3  # a wait of less than the clock counts would never end
MOMENT = Readings(
    cells_v=(3.31, 3.32, 3.33, 3.34), sensors_c=(25.0, 24.0), voltage_v=13.3, current_a=-12.0, soc_pct=61.0
)
METER = dlt645.MeterReadings(voltage_v=231.5, current_a=2.0, power_w=463.0)


def service_battery() -> ServiceBattery:
    """Return a battery that the boards of `device_end` report, after two seconds."""
    service = ServiceBattery(ServiceSpec(), seed=1)
    for _ in range(20):
        service.tick(0.1)
    return service


def simulated(name: str) -> DeviceEnd:
    """Make a device of `sim --serial-link`."""
    (device,) = parse_devices(name)
    return device_end(device, service_battery())


@dataclass
class ScannedLine:
    """The devices and what is sent to them: `sent` has baud rate, parity and bytes of each request.

    babbles: bytes that come from somebody each half second (`babbles_every_s`), at any setting. echoes: an
    adapter does. answers_after_s: the devices take so long. lasts: requests, before it is pulled out.
    lag_bits: those who answer at once spoil each other's bits, of which those of each begin so much later: a
    bit is low where that of one is.
    """

    clock: FakeClock
    devices: Sequence[DeviceEnd] = ()
    baud_rate: int = 9600
    line: LineSettings = EIGHT_N_ONE
    babbles: bytes = b""
    babbles_every_s: float = 0.5
    echoes: bool = False
    answers_after_s: float = ANSWERS_AFTER_S
    lasts: int | None = None
    lag_bits: int | None = None
    sent: list[tuple[int, str, bytes]] = field(default_factory=list)
    opened: list[tuple[int, str]] = field(default_factory=list)
    is_open: bool = False

    def link_at(self, baud_rate: int, line: LineSettings) -> "_Link":
        """Return the way to the line at a setting."""
        return _Link(self, baud_rate, line)


@dataclass
class _Link:
    """A `SerialLink`, and the port that it opens."""

    scanned: ScannedLine
    baud_rate: int
    line: LineSettings
    _coming: list[tuple[float, bytes]] = field(default_factory=list)
    _babbled_s: float = 0.0

    @property
    def description(self) -> str:
        return "/dev/scanned"

    @property
    def _is_understood(self) -> bool:
        own = self.scanned.line
        return self.baud_rate == self.scanned.baud_rate and self.line.parity == own.parity

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["_Link"]:  # noqa: ARG002 - as the protocol has it
        assert not self.scanned.is_open
        self.scanned.is_open = True
        self.scanned.opened.append((self.baud_rate, self.line.parity))
        self._say_by_themselves()  # what was said before is gone
        self._coming.clear()
        self._babbled_s = self.scanned.clock.monotonic_s()
        try:
            yield self
        finally:
            self.scanned.is_open = False

    def send(self, data: bytes) -> None:
        if len(self.scanned.sent) == self.scanned.lasts:
            raise OSError(errno.EIO, "Input/output error")
        self.scanned.sent.append((self.baud_rate, self.line.parity, data))
        now_s = self.scanned.clock.monotonic_s()
        if self.scanned.echoes:
            self._coming.append((now_s, data))
        if self._is_understood:
            answers = [answer for device in self.scanned.devices for answer in device.feed(data)]
            if self.scanned.lag_bits is not None and len(answers) > 1:
                answers = [_together(answers, self.scanned.lag_bits)]
            self._coming += [(now_s + self.scanned.answers_after_s, answer) for answer in answers]

    def receive(self, timeout_s: float) -> bytes:
        until_s = self.scanned.clock.monotonic_s() + timeout_s
        while True:
            self._say_by_themselves()
            now_s = self.scanned.clock.monotonic_s()
            if self._coming and self._coming[0][0] <= now_s:
                return self._coming.pop(0)[1]
            if now_s >= until_s:
                return b""
            self.scanned.clock.advance(min(max(until_s - now_s, LEAST_S), 0.02))

    def _say_by_themselves(self) -> None:
        now_s = self.scanned.clock.monotonic_s()
        while self.scanned.babbles and self._babbled_s + self.scanned.babbles_every_s <= now_s:
            self._babbled_s += self.scanned.babbles_every_s
            self._coming.append((self._babbled_s, self.scanned.babbles))
        for device in self.scanned.devices:
            said = b"".join(device.due(round(now_s * 1e9)))
            if said:
                heard = said if self._is_understood else bytes(byte ^ 0x5A for byte in said)
                self._coming.append((now_s, heard))


def _together(answers: Sequence[bytes], lag_bits: int) -> bytes:
    size = max(map(len, answers)) + 1
    low = 0
    for number, answer in enumerate(answers):
        bits = int.from_bytes(answer.ljust(size, b"\xff"), "big")
        low |= (~bits & (1 << 8 * size) - 1) >> number * lag_bits
    return (~low & (1 << 8 * size) - 1).to_bytes(size, "big")


def answering(answer: Callable[[bytes], Sequence[bytes]]) -> DeviceEnd:
    """Make a device that takes what comes at once for a request, and says this to it."""
    return AskedLine(lambda received: (len(received), received), answer)


class Scripted:
    """Says `unasked`, and what `answer` makes of a request, each piece so many seconds later."""

    def __init__(
        self,
        clock: FakeClock,
        answer: Callable[[bytes], Sequence[tuple[float, bytes]]],
        unasked: Sequence[tuple[float, bytes]] = (),
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._coming = list(unasked)
        self.asked_s: list[float] = []

    def feed(self, data: bytes) -> list[bytes]:
        now_s = self._clock.monotonic_s()
        self.asked_s.append(now_s)
        self._coming += [(now_s + after_s, piece) for after_s, piece in self._answer(data)]
        return []

    def due(self, until_ns: int) -> list[bytes]:
        said = [piece for at_s, piece in self._coming if at_s * 1e9 <= until_ns]
        self._coming = self._coming[len(said) :]
        return said

    def forget(self) -> None:
        pass


def board(number: int) -> DeviceEnd:
    """Make a Daly board."""
    return daly.DalyLine(lambda: MOMENT, daly.DalyFirmware(number=number))


def daly_modbus_board() -> DeviceEnd:
    """Make a Daly board of a newer generation."""
    return registers.ModbusLine(lambda: registers.daly(MOMENT), registers.DALY_SLAVE)


def pzem(slave: int) -> DeviceEnd:
    """Make a meter whose map comes with the program."""
    return registers.ModbusLine(lambda: registers.pzem(MOMENT), slave)


def unknown_modbus(slave: int) -> DeviceEnd:
    """Make a device with three registers that no map has."""
    bank = {(registers.HOLDING, address): 7 for address in range(3)}
    return registers.ModbusLine(lambda: bank, slave)


def meter(address: str = "112233445566") -> DeviceEnd:
    """Make an energy meter."""
    return dlt645.MeterLine(lambda: METER, dlt645.Dlt645Firmware(address=address))


MADE: Mapping[str, Callable[[], DeviceEnd]] = {
    "daly": partial(board, 1),
    "daly_modbus": daly_modbus_board,
    "dlt645": meter,
    "modbus": partial(pzem, 1),
}
# By protocol: its devices, and the setting that they understand.
LINES: Mapping[str, tuple[Callable[[], DeviceEnd], int, LineSettings]] = {
    name: (MADE.get(name, partial(simulated, name)), PROTOCOLS[name].baud_rate, PROTOCOLS[name].line)
    for name in sorted(KINDS)
}


def line_of(protocol: str, clock: FakeClock) -> ScannedLine:
    """Make a line with one simulated device of that protocol."""
    make, baud_rate, line = LINES[protocol]
    return ScannedLine(clock, [make()], baud_rate, line)


def scan(
    line: ScannedLine, *, risky: bool = False, names: Sequence[str] = (), waits: Waits | None = None
) -> LineReport:
    """Scan a line for these protocols, or for all."""
    settings = settings_of(scanned(names), risky=risky)
    with StopSignal() as stop:
        return LineScan(line.link_at, line.clock, waits or Waits(), speaks_always=risky).run(settings, stop)


def on_a_line(*devices: DeviceEnd, baud_rate: int = 9600) -> ScannedLine:
    """Put devices on a line of eight bits without parity."""
    return ScannedLine(FakeClock(), devices, baud_rate)

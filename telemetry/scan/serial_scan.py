"""The scan of one serial line: listens first, then asks, setting by setting, until devices are found.

It asks the usual addresses at all settings before any other address. At the setting at which a device
answers every protocol and address is asked, since lines are shared; the other settings are left.

Promises:

- A line on which something talks is not spoken into: who is heard is reported, and nothing is sent.
- Only what `telemetry.scan.probes` lists is sent: its probes and, to a device that has answered, its further
  requests.
- The port is locked while it is open, as the service locks it, and closed whatever happens.
- What was found before the port is gone is in `report`.
- The time is bounded, whatever the line does.

Relies on a `SerialLink` for each setting of the line, and on a clock that is passed in.
"""

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from telemetry.clock import Clock
from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.table import DeviceRequest, LineSettings, SerialProtocol
from telemetry.scan.ear import Ear, Value
from telemetry.scan.probes import TCP_UNITS, Meant, Probe, Setting, further, narrower, neighbour
from telemetry.sources.serial.link import SerialLink, SerialPort
from telemetry.sources.serial.modbus_tcp import ModbusTcpLink
from telemetry.sources.stop import StopSignal

TALK_BYTES = 8  # while nothing is asked, from which on a line is not just noisy
_BITS_A_BYTE = 11
_LONGEST_ANSWER_S = 1.0  # with its beginning
_LONGEST_DRAIN_S = 0.5
_OVERHEAD = 1.5  # how much longer than a silent line one may take that is not
MOST_SEARCHES = 4  # for those who answer at once, of a hundred requests each
_OTHERS_S = 0.6  # in which further ones answer a request to any: half a second by DL/T 645, and some
_NEAR, _NEAR_W = 0.05, 1.0  # share, and watts, by which voltage times current may differ from power


@dataclass(frozen=True, slots=True)
class Waits:
    """How long is waited: for those who talk; for the first byte of an answer; for the next one.

    glance_s: for those who talk, where nothing was heard at the settings before: who talks is heard at any
    rate, if only as garbage.
    """

    listen_s: float = 2.1  # those who talk each second are heard twice, those each two seconds once
    glance_s: float = 0.3
    usual_s: float = 0.4  # at a usual address
    other_s: float = 0.1  # at one of many others
    quiet_s: float = 0.1

    def listening_s(self, *, is_long: bool) -> float:
        """Return for how long to listen. is_long: at the first setting, and where something was heard."""
        return self.listen_s if is_long else min(self.glance_s, self.listen_s)


# Over TCP nobody talks unasked, and a gateway waits for its line before it says that nobody is there.
TCP_WAITS = Waits(listen_s=0.0, usual_s=3.0, other_s=1.5)


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device. address: NO_ADDRESS: it has none.

    registers: the ready map that fits a Modbus device. refusal: the code that is all which one answers; 0: it
    has answered.
    """

    setting: Setting
    protocol: SerialProtocol
    address: int
    identity: Mapping[str, str]
    values: Mapping[str, Value]
    registers: str = ""
    refusal: int = 0


@dataclass(slots=True)
class LineReport:
    """What was found on one line.

    answers_as_any: over Modbus/TCP, whatever unit was asked answered: one device that does not look at it.
    talks: somebody was heard before anything was asked there. other_master: it asks devices. sent: how many
    requests were. strange_bytes: by setting, those that no protocol reads. refused: settings that the port
    does not have. untried: those left out, since devices had been found. is_whole: all was tried that was to
    be tried.
    """

    found: list[FoundDevice] = field(default_factory=list)
    answers_as_any: bool = False
    talks: bool = False
    other_master: bool = False
    sent: int = 0
    strange_bytes: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    untried: Sequence[Setting] = ()
    is_whole: bool = True


def silent_s(settings: Sequence[Setting], waits: Waits) -> float:
    """Return how long a line on which nobody answers takes."""
    listening_s = sum(waits.listening_s(is_long=number == 0) for number in range(len(settings)))
    return listening_s + sum(_asking_s(setting.probes, setting.baud_rate, waits) for setting in settings)


def _asking_s(probes: Sequence[Probe], baud_rate: int, waits: Waits) -> float:
    return sum(
        _sending_s(len(probe.data), baud_rate) + (waits.usual_s if probe.is_usual else waits.other_s)
        for probe in probes
    )


def _sending_s(byte_count: int, baud_rate: int) -> float:
    return byte_count * _BITS_A_BYTE / baud_rate if baud_rate else 0.0


class LineScan:
    """The scan of one line. link_at: the way to it at each setting."""

    def __init__(
        self,
        link_at: Callable[[int, LineSettings], SerialLink],
        clock: Clock,
        waits: Waits,
        *,
        speaks_always: bool = False,
    ) -> None:
        self._link_at = link_at
        self._clock = clock
        self._waits = waits
        self._speaks_always = speaks_always
        self._has_listened = self._is_heard = False  # anything that nobody asked for
        self.report = LineReport()

    def run(self, settings: Sequence[Setting], stop: StopSignal) -> LineReport:
        """Try these settings. Raises OSError when the port cannot be opened, or is gone."""
        report = self.report
        ends_s = self._clock.monotonic_s() + _OVERHEAD * silent_s(settings, self._waits)
        left = list(settings)  # those at which not all was asked
        for is_first in (True, False):
            for setting in tuple(left):
                has_more = is_first and len(settings) > 1 and not all(one.is_usual for one in setting.probes)
                try:
                    self._try(setting, stop, ends_s, is_first=is_first, has_more=has_more)
                except OSError as error:
                    if error.errno != errno.EINVAL or len(report.refused) + 1 == len(settings):
                        raise
                    report.refused.append(str(setting))
                    has_more = False
                if report.found or not has_more:
                    left.remove(setting)
                if report.found:
                    report.untried = left
                    return report
            if not self._may_ask:
                break
        return report

    @property
    def _may_ask(self) -> bool:
        return self._speaks_always or not self.report.talks

    def _try(
        self, setting: Setting, stop: StopSignal, ends_s: float, *, is_first: bool, has_more: bool
    ) -> None:
        """Listen and ask the usual addresses, then the others if one answers; the second time only those.

        has_more: there is a second time.
        """
        report = self.report
        others = [probe for probe in setting.probes if not probe.is_usual]
        link = self._link_at(setting.baud_rate, setting.line)
        with link.open(stop) as port:
            tcp = link if isinstance(link, ModbusTcpLink) else None
            line = _OpenLine(port, setting, self._clock, self._waits, report.found, tcp)
            if is_first:
                line.listen(is_long=self._is_heard or not self._has_listened)
                self._has_listened = True
                self._is_heard |= line.received > 0
                report.other_master |= line.other_master
                report.talks |= line.other_master or line.received >= TALK_BYTES
            try:
                if is_first and self._may_ask and not report.found:
                    line.ask([probe for probe in setting.probes if probe.is_usual], ends_s)
                if self._may_ask and (not has_more or (line.sent and report.found)):
                    line.ask(others, ends_s)
            finally:
                report.is_whole &= line.is_whole
                report.sent += line.sent
        if setting.is_tcp and len(report.found) == len(setting.probes):
            self._leave_out_nobody(report)
        if line.received and not report.found:
            strange = report.strange_bytes
            strange[str(setting)] = strange.get(str(setting), 0) + line.received

    @staticmethod
    def _leave_out_nobody(report: LineReport) -> None:
        """Leave out the units that are nobody, where all answer: as the last one does, which is no device.

        One is left of a device that does not look at units.
        """
        nobody = report.found[-1].refusal
        report.found = [one for one in report.found if one.refusal != nobody or not nobody] or report.found
        if len(report.found) == len(TCP_UNITS):
            report.answers_as_any = True
            del report.found[1:]


class _OpenLine:
    """A line that is open at one setting. received: bytes that came, and no echo; sent: requests.

    found: where devices are added, each as soon as it is found. tcp: the link, where no line is.
    """

    def __init__(
        self,
        port: SerialPort,
        setting: Setting,
        clock: Clock,
        waits: Waits,
        found: list[FoundDevice],
        tcp: ModbusTcpLink | None,
    ) -> None:
        self._port = port
        self._tcp = tcp
        self._setting = setting
        self._clock = clock
        self._waits = waits
        self._all_found = found
        self._answered: set[bytes] = set()
        self._has_heard = False  # anything to the last request
        self._is_garbled = False  # an answer to it of several at once
        self._came_late = False  # an answer that was not to it
        self._late_bytes = 0  # over TCP, that have been noticed
        self.received = 0
        self.sent = 0
        self.other_master = False
        self.is_whole = True

    def listen(self, *, is_long: bool) -> None:
        """Find those who talk by themselves, of the first protocol that reads what is said."""
        listening_s = self._waits.listening_s(is_long=is_long)
        ears = [Ear(protocol) for protocol in self._setting.heard]
        self._hear(ears, listening_s)
        if self.received and is_long and not any(ear.addresses for ear in ears):
            self._hear(ears, listening_s)  # the first message may have had no beginning
        for ear in ears:
            ear.finish()
        self.other_master = any(ear.hears_requests for ear in ears)
        heard = next((ear for ear in ears if ear.addresses), None)
        if heard is not None:
            self._all_found += [self._found(heard, address) for address in heard.addresses]

    def _hear(self, ears: Sequence[Ear], listening_s: float) -> None:
        until_s = self._clock.monotonic_s() + listening_s
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            data = self._port.receive(left_s)
            self.received += len(data)
            for ear in ears if data else ():
                ear.feed(data, self._clock.unix_ns())

    def ask(self, probes: Sequence[Probe], ends_s: float) -> None:
        """Find those who answer. On one line there is one device without an address at most."""
        waiting = list(probes)
        searches = 0
        missed: list[Probe] = []  # whose answer may come late: the last two; over TCP all without one
        while waiting:
            probe = waiting.pop(0)
            has_nameless = any(one.address == NO_ADDRESS for one in self._all_found)
            if probe.data in self._answered or (has_nameless and probe.meant[0].address == NO_ADDRESS):
                continue
            if self._clock.monotonic_s() > ends_s:
                self.is_whole = False
                break
            answering = self._probe(probe)
            has_heard = self._has_heard
            for ear, meant in answering:
                if (ear.protocol, meant.address) in [(one.protocol, one.address) for one in self._all_found]:
                    continue
                before = ear.good_count
                found = self._look_closer(ear, meant)
                if probe.is_of_anyone and ear.good_count == before:
                    self._is_garbled = True  # nobody answers by that address: several have made it up
                    continue
                self._answered.add(probe.data)
                self._all_found.append(found)
                if (after := neighbour(meant)) is not None:
                    waiting.insert(0, after)
            is_late = self._came_late
            if self._tcp is None:
                missed = [*missed[-1:], probe]
                is_late &= not answering and len(missed) == 2 and not missed[0].is_usual
                if self._is_garbled and not probe.is_usual:
                    is_late = True  # what came may be for the request before this one
                elif self._is_garbled and (narrowed := [one for who in probe.meant for one in narrower(who)]):
                    searches += 1
                    self.is_whole &= searches <= MOST_SEARCHES
                    waiting[:0] = narrowed if searches <= MOST_SEARCHES else []
                    ends_s += _OVERHEAD * _asking_s(narrowed, self._setting.baud_rate, self._waits)
            elif not has_heard and not probe.is_usual:
                missed.append(probe)
            if is_late:
                waiting[:0] = [replace(one, is_usual=True) for one in missed if not one.is_usual]
                missed.clear()

    def _probe(self, probe: Probe) -> list[tuple[Ear, Meant]]:
        """Send a request. Return the first of those who may answer it with each of its devices that does.

        What answers a request before this one has come late.
        """
        ears = [Ear(meant.protocol) for meant in probe.meant]
        pairs = list(zip(ears, probe.meant, strict=True))
        wait_s = self._waits.usual_s if probe.is_usual else self._waits.other_s
        if probe.is_of_anyone:
            self._exchange(ears, probe.data, wait_s, lambda: False, quiet_s=_OTHERS_S)
        else:
            self._exchange(ears, probe.data, wait_s, lambda: any(ear.answering(one) for ear, one in pairs))
        self._is_garbled = probe.is_of_anyone and any(ear.hears_garbage for ear in ears)
        if self._tcp is None:
            self._came_late = any(ear.hears_others for ear in ears)
        else:
            self._came_late = self._tcp.late_bytes > self._late_bytes
            self._late_bytes = self._tcp.late_bytes
        for ear, meant in pairs:
            if addresses := ear.answering(meant):
                return [(ear, meant._replace(address=address)) for address in addresses]
        return []

    def _look_closer(self, ear: Ear, meant: Meant) -> FoundDevice:
        """Return what the device says of itself."""
        try:
            if meant.protocol.name == "modbus":
                return self._with_map(ear, meant)
            for _, _, request in further(meant):
                self._ask_closer(ear, request, meant)
        except OSError:
            self._all_found.append(self._found(ear, meant.address))
            raise
        return self._found(ear, meant.address)

    def _with_map(self, ear: Ear, meant: Meant) -> FoundDevice:
        """Return a Modbus device with the ready map whose values agree with one another, if one does."""
        ears: dict[str, Ear] = {}
        for name, protocol, request in further(meant):
            self._ask_closer(ears.setdefault(name, Ear(protocol)), request, meant)
        for name, of_map in ears.items():
            if _agrees(of_map.values(meant.address)):
                return self._found(of_map, meant.address, name)
        is_refused = not any(one.addresses for one in (ear, *ears.values()))
        found = self._found(ear, meant.address)
        return replace(found, refusal=ear.refusal_by(meant.address)) if is_refused else found

    def _ask_closer(self, ear: Ear, request: DeviceRequest, meant: Meant) -> None:
        before = ear.count_of(request.reply_id)
        data = request.to(meant.address)
        self._exchange([ear], data, self._waits.usual_s, lambda: ear.count_of(request.reply_id) > before)

    def _exchange(
        self,
        ears: Sequence[Ear],
        data: bytes,
        wait_s: float,
        is_answered: Callable[[], bool],
        *,
        quiet_s: float = 0.0,
    ) -> None:
        """Send `data`, and let `ears` hear until that is answered, or nothing comes any more.

        Over TCP whatever comes is the answer. quiet_s: how long nothing has come then; 0: as usual.
        """
        self._drain(max(ear.protocol.rest_s for ear in ears) if self._has_heard else 0.0)
        for ear in ears:
            ear.sent(data)
        self._port.send(data)
        self.sent += 1
        until_s = self._clock.monotonic_s() + _sending_s(len(data), self._setting.baud_rate) + wait_s
        last_s = until_s + _LONGEST_ANSWER_S
        received = b""
        while not is_answered() and not (self._tcp and received):
            left_s = min(until_s, last_s) - self._clock.monotonic_s()
            if left_s <= 0:
                break
            came = self._port.receive(left_s)
            if came:
                received += came
                until_s = max(until_s, self._clock.monotonic_s() + (quiet_s or self._waits.quiet_s))
                for ear in ears:
                    ear.feed(came, self._clock.unix_ns())
        if not is_answered():
            for ear in ears:
                ear.finish()
        self._has_heard = bool(received)
        self.received += len(received.removeprefix(data))

    def _drain(self, rest_s: float) -> None:
        """Wait until the line has been silent for `rest_s`, but not for ever."""
        last_s = self._clock.monotonic_s() + _LONGEST_DRAIN_S
        while self._port.receive(rest_s) and self._clock.monotonic_s() < last_s:
            pass

    def _found(self, ear: Ear, address: int, registers: str = "") -> FoundDevice:
        return FoundDevice(
            self._setting, ear.protocol, address, ear.identity(), ear.values(address), registers
        )


def _agrees(values: Mapping[str, Value]) -> bool:
    """Return whether voltage times current is the power, as it would not be if the registers were others."""
    measured = [values.get(f"meter.{name}") for name in ("voltage_v", "current_a", "power_w")]
    numbers = [value for value in measured if isinstance(value, float)]
    if len(numbers) < len(measured):
        return False
    volts, apparent, power = numbers[0], abs(numbers[0] * numbers[1]), abs(numbers[2])
    return volts > 0.0 and abs(apparent - power) <= _NEAR_W + _NEAR * max(apparent, power)

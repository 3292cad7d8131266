"""A simulated day of eight devices of five protocols on two bad lines, held against what the simulator knows.

1 % of all bytes are lost, both ways. Answers collide and come late. A port is pulled out every hour. For 40
minutes the two adapters are swapped. On both lines there are a Daly board 1, a Daly board of the Modbus kind
and a meter 9: only their names differ.
"""

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameTuple

from firmware_sim.ecus.service_battery import ServiceBattery
from firmware_sim.links.serial_line import SerialLines
from firmware_sim.links.shared_line import Said
from firmware_sim.scenario import Scenario, load_scenario
from firmware_sim.serial_scenario import LineSpec, SimulatedLine
from telemetry.config import load_config
from telemetry.framing.framing import Framing, Skipped
from telemetry.protocols.table import SerialProtocol
from telemetry.settings.table import TomlTable
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY
from tests.support.memory_port import MemoryPort

SCENARIO = Path(__file__).with_name("day_on_two_lines.toml")
POLL_S = 8.0  # each device's quickest; a day at this rate takes half a minute
TICK_S = 10.0  # of the batteries
UNKNOWN_S = 10.0
DRAINS_S = 0.25
LOOKS_S = 1.5  # a silence is seen so soon
SWAPPED_S = (3000.0, 5400.0)
SECOND = 1_000_000_000
START_NS = FakeClock().unix_ns()
STAMP_NS = 20_000_000  # a stamp is of the read that brought the last byte
BURST_S = 1.0  # all parts of one reply come within it

METER = """title = "meter"
slave = 9
[[poll]]
function = 4
first = 0
count = 6
every_s = 8.0
[[poll]]
first = 256
count = 8
every_s = 60.0
[[register]]
name = "voltage"
function = 4
register = 0
scale = 0.01
to = "meter.voltage_v"
[[register]]
name = "current"
function = 4
register = 1
scale = 0.01
to = "meter.current_a"
[[register]]
name = "serial number"
register = 256
type = "text"
count = 8
"""
LINE = """[[serial]]
name = "port"
port = "/dev/simulated"
baud_rate = 9600
parity = "N"
stop_bits = 1
"""
# What the devices of each line are called here, in the order of the scenario.
DEVICES = {
    "left": {
        "daly:1": 'protocol = "daly"\naddress = 1',
        "daly_modbus:210": 'protocol = "daly_modbus"',
        "modbus:9": 'protocol = "modbus"\nregisters = "meter.toml"',
        "seplos_v2:3": 'protocol = "seplos_v2"\naddress = 3',
    },
    "right": {
        "daly:1": 'protocol = "daly"\naddress = 1',
        "daly_modbus:210": 'protocol = "daly_modbus"',
        "modbus:9": 'protocol = "modbus"\nregisters = "meter.toml"',
        "dlt645:112233445566": 'protocol = "dlt645"\naddress = "112233445566"',
    },
}


@dataclass(slots=True)
class Heard:
    """What came over the port whole: a message of one device of a line, or all parts of one."""

    line: str
    device: str
    number: int  # of the request that it answers
    request: bytes
    message: bytes
    at_s: float
    period: int  # of the port: requests that it has sent by then
    is_in_time: bool  # it answers the request that the source waits for


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message that damage made, and the time within which a reader may have taken it."""

    message: bytes
    since_s: float
    until_s: float

    def may_be_at(self, at_s: float, before_s: float = 0.0) -> bool:
        """Return whether it may have come at that time, or up to `before_s` before it."""
        return self.since_s <= at_s and self.until_s >= at_s - before_s


@dataclass(slots=True)
class Day:
    """What the simulator knows of a day at one port, and what the source has brought of it, by device."""

    heard: list[Heard] = field(default_factory=list)
    frames: dict[str, list[FrameTuple]] = field(default_factory=lambda: defaultdict(list))
    handed_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    events: list[tuple[float, str, str, bool]] = field(default_factory=list)  # when, device, code, begins
    counts: dict[str, int] = field(default_factory=dict)
    plugs: int = 0
    said: int = 0
    forged: list[Doubt] = field(default_factory=list)  # see `forged_in`
    completed: list[Doubt] = field(default_factory=list)  # see `completed_in`
    doubtful: set[int] = field(default_factory=set)  # periods with some, which may have swallowed a good one
    protocols: dict[str, SerialProtocol] = field(default_factory=dict)


class _Port:
    """Plays the day at one port."""

    def __init__(self, name: str, folder: Path, ends_s: float, seed: int) -> None:
        self.day = Day()
        self._seed = seed
        self._name = name
        self._ends_s = ends_s
        self._clock = FakeClock()
        self._inbox = Inbox()
        self._stop = StopSignal()
        self._requests: list[tuple[bytes, float]] = []
        self._periods = 0
        self._stream = bytearray()  # that was read since the last request
        self._said: deque[bytes] = deque(maxlen=200)
        self._scenario = load_scenario(SCENARIO, TomlTable.load)
        self._batteries = self._make_batteries(self._scenario)
        self._ticked_s = self._drained_s = 0.0
        self._settings = self._load(folder)

    def run(self) -> Day:
        clock = self._clock
        names = [device.name for device in self._settings.devices]
        source = self._settings.make_source(Start(clock, names.index))
        self._names = names
        port = MemoryPort(clock, advanced=self._look, asked=self._asked, read=self._stream.extend)
        other = MemoryPort(clock)
        ports = {spec.name: port if spec.name == self._name else other for spec in self._scenario.lines}
        self._lines = [self._line(spec) for spec in self._scenario.lines]
        now_ns = clock.boot_ns
        port.lines = SerialLines(
            [line.on(ports[line.spec.name], self._ended(line)) for line in self._lines], now_ns, now_ns
        )
        source._link = port
        with self._stop:
            source.run(self._inbox, self._stop)
        self._drain()
        self.day.plugs = port.plugs
        self.day.protocols = {device.name: device.table for device in self._settings.devices}
        return self.day

    def _make_batteries(self, scenario: Scenario) -> dict[str, ServiceBattery]:
        specs = {"": scenario.service, **scenario.batteries}
        return {name: ServiceBattery(spec, seed) for seed, (name, spec) in enumerate(specs.items(), 1)}

    def _load(self, folder: Path) -> SerialSettings:
        (folder / "meter.toml").write_text(METER)
        devices = "".join(
            f'[[serial.device]]\nname = "{name}"\n{words}\npoll_every_s = {POLL_S}\n'
            for name, words in DEVICES[self._name].items()
        )
        (folder / "gateway.toml").write_text(GATEWAY + LINE + devices)
        (settings,) = load_config(folder / "gateway.toml", {}).sources
        assert isinstance(settings, SerialSettings)
        return settings

    def _line(self, spec: LineSpec) -> SimulatedLine:
        return SimulatedLine(
            spec, self._batteries.__getitem__, self._scenario.faults, self._seed, self._count
        )

    def _count(self, said: Said) -> None:
        self.day.said += 1
        self._said.append(said.message)

    def _ended(self, simulated: SimulatedLine) -> Callable[[Said], None]:
        def ended(said: Said) -> None:
            if said.is_whole and said.is_heard:
                line = simulated.line
                request, asked_s = self._requests[said.request - line.requests - 1]
                at_s = self._clock.monotonic_s()
                timeout_s = 1.0 if said.device.startswith("dlt645") else 0.5
                is_in_time = said.request == line.requests and at_s <= asked_s + timeout_s
                place = (simulated.spec.name, said.device, said.request)
                when = (at_s, self._periods, is_in_time)
                self.day.heard.append(Heard(*place, request, said.message, *when))

        return ended

    def _asked(self, request: bytes) -> None:
        self._requests.append((request, self._clock.monotonic_s()))
        since_s = self._requests[-2][1] if len(self._requests) > 1 else 0.0
        until_s = self._clock.monotonic_s()
        whole = (one.message for one in self.day.heard[-20:] if one.period == self._periods)
        forged = forged_in(bytes(self._stream), self._said)
        completed = completed_in(bytes(self._stream), self._said, Counter(whole))
        self.day.forged += [Doubt(one, since_s, until_s) for one in forged]
        self.day.completed += [Doubt(one, since_s, until_s) for one in completed]
        if forged or completed:
            self.day.doubtful.add(self._periods)
        self._said.append(request)  # which an adapter echoes
        self._periods += 1
        self._stream.clear()

    def _look(self) -> None:
        """Time has passed."""
        now_s = self._clock.monotonic_s()
        while self._ticked_s + TICK_S <= now_s:
            self._ticked_s += TICK_S
            for battery in self._batteries.values():
                battery.tick(TICK_S)
        del self._requests[:-4]
        if now_s >= self._drained_s + DRAINS_S:
            self._drain()
        if now_s >= self._ends_s:
            self._stop.set()

    def _drain(self) -> None:
        now_s = self._drained_s = self._clock.monotonic_s()
        while (item := self._inbox.get(0)) is not None:
            match item:
                case Arrival():
                    for frame in item.batch:
                        name = self._names[frame.channel]
                        self.day.frames[name].append(frame)
                        self.day.handed_s[name].append(now_s)
                    self._inbox.give_back(item.batch)
                case SourceEvent():
                    event, at_s = item.event, (item.time_ns - START_NS) / SECOND
                    self.day.events.append((at_s, event.source, event.code, event.active))
                case SourceEnded():
                    self.day.counts |= item.counts


def forged_in(stream: bytes, said: Collection[bytes]) -> set[bytes]:
    """Good messages of a Daly that no board said.

    Damage makes one now and then, since the check has eight bits: no reader can see that.
    """
    return {one for one in good_in(stream) if one not in said}


def completed_in(stream: bytes, said: Collection[bytes], whole: Counter[bytes]) -> list[bytes]:
    """Messages that a board said and that lost their check, where the next one begins with the same byte."""
    found = Counter(one for one in good_in(stream) if one in said and one[1] < 0x20)
    return list((found - whole).elements())


def good_in(stream: bytes) -> Iterator[bytes]:
    """Yield everything that a reader of a Daly can take for a message."""
    at = stream.find(0xA5)
    while at >= 0:
        one = bytes(stream[at : at + 13])
        if len(one) == 13 and one[3] == 8 and sum(one[:-1]) % 256 == one[-1]:
            yield one
        at = stream.find(0xA5, at + 1)


def played(port: str, folder: Path, ends_s: float, seed: int = 1) -> Day:
    return _Port(port, folder, ends_s, seed).run()


# -- what the simulator said, as the frames that it makes

STATUS, CELLS, TEMPERATURES = 0x94, 0x95, 0x96
CODE = 0x57  # whose parts may be of several replies
DALY_PARTS = {  # parts that are needed, bytes of values in them
    CELLS: (5, 28),
    TEMPERATURES: (1, 2),
    CODE: (5, 35),
}
AT_S = attrgetter("at_s")  # for bisect


def is_part(heard: Heard) -> bool:
    return heard.device.startswith("daly:") and heard.message[2] in DALY_PARTS


def frame_of(heard: Heard, protocol: SerialProtocol) -> tuple[int, bytes] | None:
    """Return a message's frame: by hand from a Daly's layout, otherwise by a reader of its own."""
    message = heard.message
    if heard.device.startswith("daly:"):
        return message[2], message[4:12]
    assert isinstance(protocol.framing, Framing)
    reader = protocol.framing.make_reader()
    reader.sent(heard.request)
    said = reader.read(message.lstrip(b"\xfe"))
    if isinstance(said, Skipped):
        return None
    (one,) = said
    return one.id, one.data


def counts_before(day: Day, statuses: Sequence[Heard], id: int, at_s: float) -> set[int]:
    """Bytes of values that a reply in parts may have: the right ones, or those that damage counted last."""
    place = bisect_right(statuses, at_s, key=AT_S)
    right_s = statuses[place - 1].at_s if place else 0.0
    forged = [
        one.message
        for one in day.forged
        if one.message[2] == STATUS and one.since_s <= at_s and one.until_s >= right_s
    ]
    return {DALY_PARTS[id][1]} | {one[4] * 2 if id == CELLS else one[5] for one in forged}


def parts_before(parts: Sequence[Heard], at_s: float, id: int) -> list[Heard]:
    """Parts of one kind that came just before."""
    begin, end = (bisect_right(parts, moment_s, key=AT_S) for moment_s in (at_s - BURST_S, at_s))
    return [one for one in parts[begin:end] if one.message[2] == id]


def is_made_of(day: Day, parts: Sequence[Heard], at_s: float, id: int, values: bytes) -> bool:
    """Return whether these parts, or those damage made just before, have all of these values."""
    came = [one.message for one in parts]
    came += [one.message for one in (*day.forged, *day.completed) if one.may_be_at(at_s, BURST_S)]
    size = 6 if id == CELLS else 7
    places = [values[begin : begin + size] for begin in range(0, len(values), size)]
    return all(
        any(one[2] == id and one[4] == number and one[5:].startswith(place) for one in came)
        for number, place in enumerate(places, 1)
    )


def whole_replies(heard: Sequence[Heard]) -> int:
    """Return how many replies in parts arrived with every part that they needed."""
    parts = (one for one in heard if is_part(one) and one.message[2] != CODE)
    replies = groupby(parts, lambda one: (one.number, one.message[2]))
    numbers = ((id, {one.message[4] for one in group}) for (_, id), group in replies)
    return sum(found.issuperset(range(1, DALY_PARTS[id][0] + 1)) for id, found in numbers)


def own(day: Day, port: str, device: str) -> list[Heard]:
    return [one for one in day.heard if one.line == port and one.device == device]


def is_by_chance(day: Day, frame: tuple[int, bytes, int]) -> bool:
    """Return whether damage made this frame: nobody said it, or a byte of the next one completed it."""
    id, data, time_ns = frame
    at_s = (time_ns - START_NS) / SECOND
    return any(
        (one.message[2], one.message[4:12]) == (id, data) and one.may_be_at(at_s)
        for one in (*day.forged, *day.completed)
    )


def assert_every_good_message_came_once_and_no_other_one(day: Day, port: str, device: str) -> None:
    heard = own(day, port, device)
    frames = [(frame.id, frame.data, frame.time_ns) for frame in day.frames[device]]
    in_parts = [one for one in frames if device.startswith("daly:") and one[0] in DALY_PARTS]
    values = [one for one in in_parts if one[0] != CODE]
    parts = [one for one in heard if is_part(one)]
    statuses = [
        one for one in heard if one.message[2] == STATUS and one.is_in_time and one.period not in day.doubtful
    ]  # that were taken without doubt
    counted: set[int] = set()  # requests whose replies came
    for id, data, time_ns in values:
        at_s = (time_ns + STAMP_NS - START_NS) / SECOND
        assert len(data) in counts_before(day, statuses, id, at_s), f"{device}: nobody counted {data.hex()}"
        near = parts_before(parts, at_s, id)
        assert is_made_of(day, near, at_s, id, data), f"{device}: nobody said {data.hex()}"
        replies = {one.number for one in near}
        assert replies - counted or not replies, f"{device}: a reply was counted twice, {data.hex()}"
        counted |= {max(replies - counted)} if replies else set()
    assert len(values) >= 0.9 * whole_replies(heard)
    assert len({data for id, data, _ in in_parts if id == CODE}) <= 1  # its one name
    came = deque(one for one in frames if one not in in_parts)
    for one in heard:
        expected = None if is_part(one) else frame_of(one, day.protocols[device])
        if expected is None:
            continue
        stamp_ns = START_NS + round(one.at_s * SECOND)

        def is_it(frame: tuple[int, bytes, int]) -> bool:
            return frame[:2] == expected and abs(frame[2] - stamp_ns) < STAMP_NS  # noqa: B023 - called here

        while came and not is_it(came[0]) and is_by_chance(day, came[0]):
            came.popleft()
        if came and is_it(came[0]):
            came.popleft()
        else:
            is_certain = one.is_in_time and one.period not in day.doubtful
            assert not is_certain, f"{device}: {one} did not come; next is {came[0] if came else None}"
    came = deque(frame for frame in came if not is_by_chance(day, frame))
    assert not came, f"{device}: nobody said {came[0]}"


def assert_nothing_of_other_devices_is_counted_as_good(day: Day, port: str) -> None:
    others = sum(one.line != port and not is_part(one) for one in day.heard)
    assert (day.counts["lost/other_device"] > 0) == (others > 0)


def assert_no_value_is_stale(day: Day, device: str, ends_s: float) -> None:
    """Whenever the last good message is older than 10 s, its values are known to be unknown."""
    codes = [one for one in day.events if one[1] == device and one[2] == "values_unknown"]
    begins_s = [at_s for at_s, _, _, is_begin in codes if is_begin]
    good_s = [0.0, *sorted(set(day.handed_s[device])), ends_s]
    gaps = [gap for gap in pairwise(good_s) if gap[1] - gap[0] > UNKNOWN_S - LOOKS_S]
    for before_s, after_s in gaps:
        if after_s - before_s > UNKNOWN_S + LOOKS_S:
            found = [at_s for at_s in begins_s if before_s < at_s <= before_s + UNKNOWN_S + LOOKS_S]
            assert len(found) == 1, f"{device}: nothing good from {before_s} s to {after_s} s"
    assert len(begins_s) <= len(gaps)
    assert [is_begin for *_, is_begin in codes] == [n % 2 == 0 for n in range(len(codes))]


@pytest.mark.parametrize(
    ("port", "hours"),
    [
        pytest.param("left", 2, id="left, 2 hours"),
        pytest.param("right", 2, id="right, 2 hours"),
        pytest.param("left", 24, id="left, a day", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param("right", 24, id="right, a day", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_every_good_message_is_counted_once_under_its_own_device_and_none_is_stale(
    port: str, hours: int, tmp_path: Path
) -> None:
    ends_s = hours * 3600.0
    day = played(port, tmp_path, ends_s)
    for device in DEVICES[port]:
        assert_every_good_message_came_once_and_no_other_one(day, port, device)
        assert_no_value_is_stale(day, device, ends_s)
    assert_nothing_of_other_devices_is_counted_as_good(day, port)
    assert len(day.forged) <= 0.001 * day.said
    changed = [one for one in day.events if one[2] == "device_changed"]
    shared = set(DEVICES["left"]) & set(DEVICES["right"])
    assert {device for _, device, _, _ in changed} == shared
    assert all(SWAPPED_S[0] <= at_s for at_s, *_ in changed)
    lost = [at_s for at_s, _, code, is_begin in day.events if code == "source_lost" and is_begin]
    assert (
        len(lost) >= hours + 1
    )  # an hour one, but while they are swapped at the other port; two by the swap
    assert day.plugs >= len(lost)
    brought = sum(map(len, day.frames.values()))
    dropped = sum(count for name, count in day.counts.items() if name.startswith("lost/"))
    assert day.counts["read"] == brought + dropped

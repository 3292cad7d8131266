"""firmware_sim/links/shared_line.py and serial_scenario.py: who hears what on one line, and when."""

from pathlib import Path

import pytest

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.faults.kinds import (
    ChecksumError,
    Fault,
    LateAnswer,
    LostBytes,
    Silence,
    SwappedPorts,
    Window,
)
from firmware_sim.faults.serial import SerialFaults
from firmware_sim.links.serial_line import SerialLines
from firmware_sim.links.shared_line import Attached, Electrics, Said, SharedLine
from firmware_sim.scenario import load_scenario
from firmware_sim.serial_scenario import SimulatedLine, line_spec
from firmware_sim.wire import daly
from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable
from tests.support.clock import FakeClock

MS = 1_000_000
BYTE_NS = 10 * 1_000_000_000 // 9600
ALWAYS = Window(0.0, 1e6)
ASKED, UNASKED = b"ask", b"unasked"
ANSWER = bytes(range(10))


class Board:
    """Answers ASKED, and says UNASKED when a test demands it."""

    def __init__(self) -> None:
        self.heard = b""
        self.says: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        self.heard += data
        if not self.heard.endswith(ASKED):
            return []
        self.heard = b""
        return [ANSWER]

    def due(self, until_ns: int) -> list[bytes]:  # noqa: ARG002
        said, self.says = self.says, []
        return said

    def forget(self) -> None:
        self.heard = b""


def line_of(*faults: Fault, echo: bool = False) -> tuple[SharedLine, Board]:
    board = Board()
    attached = Attached("daly:1", board, SerialFaults("daly:1", faults, 1))
    return SharedLine([attached], Electrics(9600, 0.01, echo)), board


def heard(line: SharedLine, now_ns: int) -> bytes:
    return b"".join(piece.data for piece in line.arrived(now_ns))


def test_bytes_take_the_time_of_the_line_after_the_time_that_a_device_needs() -> None:
    line, _ = line_of()
    line.hear(ASKED, 0, 0)
    begins_ns = len(ASKED) * BYTE_NS + 10 * MS
    assert line.next_ns == begins_ns + BYTE_NS
    assert heard(line, begins_ns + BYTE_NS - 1) == b""
    assert heard(line, begins_ns + 4 * BYTE_NS) == ANSWER[:4]
    assert heard(line, begins_ns + 10 * BYTE_NS) == ANSWER[4:]
    assert line.next_ns is None


def test_an_adapter_may_give_back_what_is_sent() -> None:
    line, _ = line_of(echo=True)
    line.hear(ASKED, 0, 0)
    assert heard(line, 1000 * MS) == ASKED + ANSWER


def test_the_echo_of_a_request_comes_before_a_late_answer_to_an_earlier_one() -> None:
    line, _ = line_of(LateAnswer(ALWAYS, "daly", 1.0, 0.5), echo=True)
    line.hear(ASKED, 0, 0)
    assert heard(line, 100 * MS) == ASKED
    line.hear(b"another", 400 * MS, 0)
    assert heard(line, 1000 * MS) == b"another" + ANSWER


def test_an_answer_is_late_on_a_line_whose_bytes_take_no_time() -> None:
    attached = Attached("daly:1", Board(), SerialFaults("daly:1", [LateAnswer(ALWAYS, "daly", 1.0, 0.5)], 1))
    line = SharedLine([attached])
    line.hear(ASKED, 0, 0)
    assert heard(line, 500 * MS - 1) == b""
    assert line.next_ns == 500 * MS
    assert heard(line, 500 * MS) == ANSWER
    assert line.next_ns is None


def test_two_that_talk_at_the_same_time_spoil_each_other() -> None:
    line, board = line_of()
    line.hear(ASKED, 0, 0)
    begins_ns = len(ASKED) * BYTE_NS + 10 * MS
    board.says = [UNASKED]
    line.talk(begins_ns + 5 * BYTE_NS, 0)
    pieces = list(line.arrived(1000 * MS))
    said = b"".join(piece.data for piece in pieces)
    assert said[:5] == ANSWER[:5]
    assert said[-2:] == UNASKED[-2:]
    assert len(said) == 5 + len(UNASKED)  # of the bytes that both said one was heard
    assert [piece.said.is_whole for piece in pieces if piece.said] == [False, False]


def test_a_request_that_a_device_talks_into_is_not_heard_as_it_was() -> None:
    line, board = line_of()
    board.says = [UNASKED * 2]
    line.talk(0, 0)
    line.hear(ASKED, 2 * BYTE_NS, 0)
    assert ANSWER not in heard(line, 1000 * MS)


def test_a_device_forgets_half_a_request_after_a_pause() -> None:
    line, _ = line_of()
    line.hear(ASKED[:1], 0, 0)
    line.hear(ASKED[1:], 50 * MS, 0)
    assert heard(line, 1000 * MS) == ANSWER
    line.hear(ASKED[:1], 1000 * MS, 0)
    line.hear(ASKED[1:], 1200 * MS, 0)
    assert heard(line, 2000 * MS) == b""


def test_an_answer_may_be_late_and_says_which_request_it_is_of() -> None:
    line, _ = line_of(LateAnswer(ALWAYS, "daly", 1.0, 0.5))
    line.hear(ASKED, 0, 0)
    assert heard(line, 500 * MS) == b""
    line.hear(b"another", 550 * MS, 0)
    (piece,) = line.arrived(1000 * MS)
    assert piece.data == ANSWER
    assert piece.said is not None
    assert (piece.said.request, line.requests) == (1, 2)


def test_what_is_on_its_way_when_the_adapter_is_pulled_out_arrives_nowhere() -> None:
    line, _ = line_of()
    line.hear(ASKED, 0, 0)
    line.cut()
    assert heard(line, 1000 * MS) == b""


@pytest.mark.parametrize(
    ("faults", "arrives", "is_whole"),
    [
        ((), ANSWER, True),
        ((LateAnswer(ALWAYS, "daly", 1.0, 0.5),), ANSWER, True),  # late, but as it was
        ((LostBytes(ALWAYS, "daly:1", 0.0),), ANSWER, True),
        ((LostBytes(ALWAYS, "daly:1", 1.0),), b"", False),
        ((Silence(ALWAYS, "daly"),), b"", False),
        ((Silence(ALWAYS, "jbd"),), ANSWER, True),
        ((Silence(Window(5.0, 1.0), "daly"),), ANSWER, True),
    ],
)
def test_a_message_is_known_to_be_whole_or_spoiled_by_its_own_faults(
    faults: tuple[Fault, ...], arrives: bytes, is_whole: bool
) -> None:
    line, _ = line_of(*faults)
    line.hear(ASKED, 0, 0)
    pieces = list(line.arrived(1000 * MS))
    assert b"".join(piece.data for piece in pieces) == arrives
    assert [piece.said.is_whole for piece in pieces if piece.said] == [is_whole]


def test_a_message_with_a_wrong_check_is_spoiled_and_the_next_device_s_is_whole() -> None:
    battery = ServiceBattery(ServiceSpec(), 1)
    wrong = ChecksumError(ALWAYS, "daly:1", 1.0)
    said: list[Said] = []
    port = MemoryPort()
    simulated = SimulatedLine(line_spec("daly:1+daly:2", ()), lambda _: battery, (wrong,), 1, said.append)
    line = simulated.on(port)
    port.to_read = daly.request(daly.PACK, 1)
    line.attend(0)
    port.to_read = daly.request(daly.PACK, 2)
    line.attend(0)
    assert [(one.device, one.is_whole) for one in said] == [("daly:1", False), ("daly:2", True)]
    none = {"sent": 0, "spoiled": 0, "unheard": 0}
    assert line.counts()["devices"] == {"daly:1": {**none, "spoiled": 1}, "daly:2": {**none, "sent": 1}}


class MemoryPort:
    """A port that is always open; what was written, and what is to be read."""

    def __init__(self) -> None:
        self.plugged = True
        self.plugs = 0
        self.written = b""
        self.to_read = b""

    def plug_in(self) -> None:
        self.plugged = True
        self.plugs += 1

    def unplug(self) -> None:
        self.plugged = False

    def fileno(self) -> int | None:
        return None

    def read(self) -> bytes:
        data, self.to_read = self.to_read, b""
        return data

    def write(self, data: bytes) -> bool:
        self.written += data
        return self.plugged

    def unread_bytes(self) -> int:
        return 0


LINES = """starts_at = "2026-03-02T06:00:00Z"
[[battery]]
name = "rear"
start_soc_pct = 20.0
[[serial]]
name = "left"
[[serial.device]]
kind = "daly"
[[serial]]
name = "right"
[[serial.device]]
kind = "daly"
battery = "rear"
sends_all_frames = true
[[phase]]
do = "stand"
duration_s = 5.0
"""


def simulated(tmp_path: Path, *faults: Fault) -> list[SimulatedLine]:
    file = tmp_path / "lines.toml"
    file.write_text(LINES)
    scenario = load_scenario(file, TomlTable.load)
    batteries = {"": ServiceBattery(scenario.service, 1)}
    batteries |= {name: ServiceBattery(spec, 2) for name, spec in scenario.batteries.items()}
    return [SimulatedLine(spec, batteries.__getitem__, faults, 1) for spec in scenario.lines]


def soc_of(said: bytes) -> float:
    return int.from_bytes(said[10:12], "big") / 10


def ask(lines: SerialLines, port: MemoryPort) -> bytes:
    port.written, port.to_read = b"", daly.request(daly.PACK)
    lines.attend()
    return port.written


def test_swapped_ports_lead_to_the_devices_of_the_other_line_and_back_again(tmp_path: Path) -> None:
    clock = FakeClock(0)
    left, right = MemoryPort(), MemoryPort()
    swapped = SwappedPorts(Window(10.0, 10.0), "left", "right")
    pairs = zip(simulated(tmp_path, swapped), (left, right), strict=True)
    lines = SerialLines([line.on(port) for line, port in pairs], clock.unix_ns, lambda: 0)
    found = []
    for wait_s in (0.0, 10.0, 5.0, 5.0):
        clock.advance(wait_s)
        lines.attend()
        found.append((round(soc_of(ask(lines, left))), round(soc_of(ask(lines, right)))))
    assert found == [(62, 20), (20, 62), (20, 62), (62, 20)]
    assert (left.plugs, right.plugs) == (2, 2)


def test_a_fault_on_a_line_is_one_of_all_its_devices_and_of_requests_to_them(tmp_path: Path) -> None:
    port = MemoryPort()
    (line, _) = simulated(tmp_path, Silence(ALWAYS, "left"))
    assert ask(SerialLines([line.on(port)], lambda: 0, lambda: 0), port) == b""
    (line, _) = simulated(tmp_path, LostBytes(ALWAYS, "left", 1.0))
    lost = line.on(port)
    assert ask(SerialLines([lost], lambda: 0, lambda: 0), port) == b""
    assert lost.counts() == {
        "sent": 0,
        "spoiled": 0,
        "unheard": 0,
    }  # the board did not hear that it was asked


def test_a_report_counts_each_device_of_several() -> None:
    battery = ServiceBattery(ServiceSpec(), 1)
    port = MemoryPort()
    line = SimulatedLine(line_spec("daly:1+daly:2", ()), lambda _: battery, (), 1).on(port)
    ask(SerialLines([line], lambda: 0, lambda: 0), port)
    none = {"sent": 0, "spoiled": 0, "unheard": 0}
    one = {**none, "sent": 1}
    assert line.counts() == {**one, "devices": {"daly:1": one, "daly:2": none}}
    assert line.name == "daly:1+daly:2"


@pytest.mark.parametrize(
    ("good", "bad", "what"),
    [
        (
            'battery = "rear"',
            'battery = "bow"',
            r"device\[0\]\.battery: there is no \[\[battery\]\] 'bow' \(rear\)",
        ),
        ('name = "right"', 'name = "left"', r"serial\[1\]\.name: another line is already called 'left'"),
        ('name = "right"', 'name = "jbd"', r"serial\[1\]\.name: 'jbd' must be letters"),
        ("sends_all_frames = true", "sends = true", r"device\[0\]\.sends: unknown key"),
        ("sends_all_frames = true", "address = 17", r"address: daly has addresses 1 to 16, not 17"),
        ('name = "left"', 'name = "left"\nbaud = 9600', r"serial\[0\]\.baud: unknown key"),
        ('[[serial.device]]\nkind = "daly"\n[[serial]]', "[[serial]]", r"serial\[0\]\.device: is missing"),
        ('[[serial]]\nname = "right"\n', "", r"serial\[0\]\.device: two devices on a line have one address"),
    ],
)
def test_a_mistake_in_a_line_is_named_with_its_key(tmp_path: Path, good: str, bad: str, what: str) -> None:
    file = tmp_path / "lines.toml"
    assert good in LINES
    file.write_text(LINES.replace(good, bad, 1))
    with pytest.raises(ConfigError, match=what):
        load_scenario(file, TomlTable.load)

"""Error frames become events: each change of state, never a flood."""

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.socketcan import ErrorStates

from telemetry.sources.bus_errors import BusErrors
from tests.support.can_frames import ERROR

WARNING = (0x4, 0x08)
PASSIVE = (0x4, 0x10)
ACTIVE = (0x4, 0x40)
OFF = (0x40, 0)
RESTARTED = (0x100, 0)


class Bus:
    """One bus's error frames, and the events made of them."""

    def __init__(self) -> None:
        self._states = ErrorStates()
        self._errors = BusErrors("bus", self._states)
        self._frames = 0

    def see(self, *frames: tuple[int, int]) -> None:
        batch = FrameBatch(max(len(frames), 1))
        for classes, controller in frames:
            self._frames += 1
            batch.append(self._frames, ERROR | classes, bytes([0, controller, 0, 0, 0, 0, 0, 0]))
        self._states.scan(batch)

    def events(self, now_s: float) -> list[tuple[str, bool, int]]:
        return [
            (item.event.code, item.event.active, item.time_ns)
            for item in self._errors.events(now_s, now_ns=1000)
        ]


def test_a_quiet_bus_makes_no_events() -> None:
    assert Bus().events(0) == []


def test_each_change_ends_the_old_state_and_begins_the_new_one() -> None:
    bus = Bus()
    bus.see(WARNING)
    assert bus.events(0) == [("error_warning", True, 1)]
    bus.see(PASSIVE)
    assert bus.events(10) == [("error_warning", False, 2), ("error_passive", True, 2)]
    bus.see(OFF)
    assert bus.events(20) == [("error_passive", False, 3), ("bus_off", True, 3)]
    bus.see(RESTARTED)
    assert bus.events(30) == [
        ("bus_off", False, 4),
        ("error_active", True, 4),
        ("bus_restarted", True, 1000),
    ]


def test_a_state_that_has_passed_already_is_reported_all_the_same() -> None:
    bus = Bus()
    bus.see(OFF, RESTARTED)
    assert [code for code, _, _ in bus.events(0)] == ["bus_off", "bus_off", "error_active", "bus_restarted"]


def test_changes_wait_for_their_second_and_none_is_forgotten() -> None:
    bus = Bus()
    bus.see(WARNING)
    bus.events(0)
    bus.see(OFF, ACTIVE)
    assert bus.events(0.5) == []
    assert [code for code, _, _ in bus.events(1.0)] == ["error_warning", "bus_off", "bus_off", "error_active"]


def test_the_same_state_again_is_no_event() -> None:
    bus = Bus()
    bus.see(WARNING)
    bus.events(0)
    bus.see(WARNING)
    assert bus.events(10) == []


def test_errors_on_the_wire_are_one_event_a_minute() -> None:
    bus = Bus()
    count = 0
    for second in range(120):
        bus.see(*[(0x88, 0)] * 50)
        count += len(bus.events(second))
    assert count == 2

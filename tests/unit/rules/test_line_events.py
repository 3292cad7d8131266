"""Alarms and limits on their way through the stages: where their points stand, and what is counted."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from telemetry_core.rows.spec import DecimalScale
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import Ledger, imbalances
from telemetry.live.state import LiveState
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support import stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.plan_specs import Signal, plan
from tests.support.stages import Sent, batch_of, resumed

SECOND = 1_000_000_000
PLAN = plan(
    {
        "can0": {
            "Pack": {
                "soc": Signal(DecimalScale(1, 0, 0), bits=8, signed=False),
                "faults": Signal(DecimalScale(1, 0, 0), bits=8, signed=False, start_bit=8),
                "temp": Signal(DecimalScale(1, 0, 1), factor=0.1, start_bit=16),
            }
        }
    }
)
ENTRIES = [
    MapEntry("Pack.soc", "battery.soc_pct"),
    MapEntry("Pack.temp", "battery.temp_max_c"),
    MapEntry("Pack.faults", "event.cell_overvoltage", bit=0),
    MapEntry("Pack.faults", "event.short_circuit", bit=1),
    MapEntry("Pack.faults", "event.cell_overvoltage", bit=2, text="second string"),
]
LIMITS = [
    Limit("battery.soc_pct", "soc_low", below=10.0, hysteresis=2.0),
    Limit("battery.temp_max_c", "undertemperature", below=-10.0),
]


@dataclass(frozen=True, slots=True)
class Step:
    """One frame."""

    seconds: float
    soc: int = 50
    faults: int = 0
    temp_c: float = 20.0


DRIVE = [
    Step(0.0),
    Step(0.1, faults=3),
    Step(0.2, faults=3),
    Step(0.3, faults=7, soc=9),
    Step(0.3, faults=0, soc=9),
    Step(1.4, soc=11, temp_c=-10.0),
    Step(1.5, soc=12, temp_c=-10.1),
    Step(2.6, temp_c=-9.9),
]


def frames(steps: Sequence[Step]) -> list[Sent]:
    return [
        (
            round(step.seconds * SECOND),
            0x100,
            struct.pack("<BBh4x", step.soc, step.faults, round(step.temp_c * 10)),
        )
        for step in steps
    ]


def stages_of(limits: Sequence[Limit] = LIMITS, vehicle: str = "van", every_s: float = 0.0) -> Stages:
    return stages.stages_of(PLAN, ENTRIES, limits, source="log", vehicle=vehicle, every_s=every_s)


def written(steps: Sequence[Step], size: int, every_s: float = 0.0) -> bytes:
    return stages.written(stages_of(every_s=every_s), frames(steps), size)


def events(text: bytes) -> list[str]:
    return [row.decode() for row in text.split(b"\n") if row.startswith(b"event,")]


def test_each_alarm_begins_and_ends_once_with_its_own_stamp() -> None:
    tags = "pack=main,source=can0,vehicle=van"
    high, short = "a cell's voltage is too high (Pack.faults)", "the pack's output is shorted (Pack.faults)"
    soc, cold = "battery.soc_pct is", "battery.temp_max_c is"
    limit, back = "below -10 °C", "no longer below -10 °C"
    assert events(written(DRIVE, 100)) == [
        f'event,code=cell_overvoltage,{tags} level=2,active=true,text="{high}" 100000000',
        f'event,code=short_circuit,{tags} level=2,active=true,text="{short}" 100000000',
        f'event,code=cell_overvoltage,{tags} level=2,active=true,text="second string" 300000000',
        f'event,code=soc_low,{tags} level=1,active=true,text="{soc} 9 %, below 10 %" 300000000',
        f'event,code=cell_overvoltage,{tags} level=0,active=false,text="no longer: {high}" 300000001',
        f'event,code=short_circuit,{tags} level=0,active=false,text="no longer: {short}" 300000000',
        f'event,code=cell_overvoltage,{tags} level=0,active=false,text="no longer: second string" 300000002',
        f'event,code=soc_low,{tags} level=0,active=false,text="{soc} 12 %, no longer below 10 %" 1500000000',
        f'event,code=undertemperature,{tags} level=1,active=true,text="{cold} -10.1 °C, {limit}" 1500000000',
        f'event,code=undertemperature,{tags} level=0,active=false,text="{cold} -9.9 °C, {back}" 2600000000',
    ]


@pytest.mark.parametrize("every_s", [0.0, 1.0])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_events_stand_where_they_stand_however_frames_are_batched(size: int, every_s: float) -> None:
    assert written(DRIVE, size, every_s) == written(DRIVE, 100, every_s)


def test_an_event_stands_right_after_the_row_that_caused_it() -> None:
    measurements = [row.partition(b",")[0] for row in written(DRIVE[:4], 100).split(b"\n")]
    assert measurements == [
        *(b"Pack", b"battery"),
        *(b"Pack", b"event", b"event", b"battery"),
        *(b"Pack", b"battery"),
        *(b"Pack", b"event", b"battery", b"event"),
        b"",
    ]


def test_events_are_never_reduced_away() -> None:
    everything = written(DRIVE, 100)
    reduced = written(DRIVE, 100, every_s=3600.0)
    assert events(reduced) == events(everything)
    assert len(reduced.split(b"\n")) < len(everything.split(b"\n"))


def test_limits_see_what_is_reduced_away() -> None:
    steps = [Step(0.0), Step(0.1, soc=5), Step(0.2)]
    assert [row.partition(" ")[2].partition(",text")[0] for row in events(written(steps, 1, 60.0))] == [
        "level=1,active=true",
        "level=0,active=false",
    ]


def test_events_are_counted_as_made() -> None:
    line = stages_of()
    text = stages.written(line, frames(DRIVE))
    counted = line.counted()
    assert counted["points/made/event"] == 10
    made = sum(count for name, count in counted.items() if name.startswith("points/made/"))
    assert made == text.count(b"\n")


def test_stamps_of_events_are_shifted_like_those_of_their_rows() -> None:
    lines = LineBuffer()
    stages_of().process(batch_of(frames(DRIVE[:2])), lines, shift_ns=5 * SECOND)
    assert [row.rpartition(" ")[2] for row in events(lines.take())] == ["5100000000", "5100000000"]
    assert (lines.first_ns, lines.last_ns) == (0, 0)


def test_an_onlooker_gets_the_frame_s_time_whatever_the_stamps_of_the_points_count_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[int] = []
    line, live = stages_of(), LiveState(FakeClock(), lambda _name: None)
    monkeypatch.setattr(live, "add_event", lambda _event, time_ns: reported.append(time_ns))
    line.set_observer(live)
    line.bind(0, Binding(0, "can0", "can0"))
    line.process(batch_of(frames(DRIVE[:2])), LineBuffer(), shift_ns=5 * SECOND)
    assert reported == [SECOND // 10] * 2


@pytest.mark.parametrize("stored", range(len(DRIVE) + 1))
@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_resumed_log_reports_each_event_once_and_the_accounts_balance(stored: int, size: int) -> None:
    rest, counters = resumed(stages_of(), frames(DRIVE), stored, size)
    assert written(DRIVE[:stored], 100) + rest == written(DRIVE, 100)
    assert counters.get("points/made/event", 0) == len(events(rest))


class Reloaded:
    """A pipeline whose stages are replaced while alarms are active, in time that its frames bring along."""

    def __init__(self, stored: int = 0) -> None:
        """Start a pipeline; an earlier run has stored `stored` frames of the log."""
        clock = FakeClock()
        self.store, self.ledger = ListedStore(), Ledger({})
        self.pipeline = Pipeline(stages_of(), self.store, self.ledger, clock, {"log": stored})
        self._resume_as = "log" if stored else ""
        self._taken = 0

    def take(self, *steps: Step) -> list[str]:
        """Return the events that these frames make, without their tags."""
        batch = batch_of(frames(steps), self._taken)
        self._taken += len(batch)
        self.pipeline.process("log", batch, {}, resume_as=self._resume_as, own_time=True)
        return self.reported()

    def replace(self, stages: Stages) -> list[str]:
        self.pipeline.replace_stages(stages)
        return self.reported()

    def reported(self) -> list[str]:
        before = len(self.store.text)
        self.pipeline.finish()
        counters = self.ledger.snapshot()
        assert list(imbalances(counters, self.store.text.count(b"\n"), {})) == []
        return [line.partition(" ")[2] for line in events(self.store.text[before:])]


LOW = Limit("battery.soc_pct", "soc_low", below=5.0, hysteresis=2.0)


def test_over_a_new_line_an_alarm_that_is_active_goes_on_and_ends_once() -> None:
    bench = Reloaded()
    assert len(bench.take(Step(1.0, soc=9, faults=6))) == 3
    for _ in range(2):  # the second time nothing has come in between
        assert bench.replace(stages_of(LIMITS[::-1])) == []
    assert bench.take(Step(2.0, soc=9, faults=6)) == []
    assert bench.take(Step(3.0, soc=12, faults=4)) == [
        'level=0,active=false,text="no longer: the pack\'s output is shorted (Pack.faults)" 3000000000',
        'level=0,active=false,text="battery.soc_pct is 12 %, no longer below 10 %" 3000000000',
    ]


def test_an_alarm_of_a_log_that_is_resumed_goes_on_though_nothing_new_has_come_of_it() -> None:
    bench = Reloaded(stored=2)
    assert bench.take(Step(1.0, soc=9), Step(2.0, soc=9)) == []  # reported by the run before
    assert bench.replace(stages_of()) == []
    assert bench.take(Step(3.0, soc=9)) == []
    assert bench.replace(stages_of(LIMITS[1:])) == [
        'level=0,active=false,text="no longer watched: battery.soc_pct below 10 %" 3000000000'
    ]


def test_a_limit_that_was_changed_goes_on_or_ends_by_its_new_value() -> None:
    bench = Reloaded()
    assert len(bench.take(Step(1.0, soc=3))) == 1
    assert bench.replace(stages_of([LOW])) == []
    assert bench.take(Step(2.0, soc=4)) == []
    assert bench.take(Step(3.0, soc=9)) == [
        'level=0,active=false,text="battery.soc_pct is 9 %, no longer below 5 %" 3000000000'
    ]
    assert bench.replace(stages_of()) == []
    assert bench.take(Step(4.0, soc=9)) == [
        'level=1,active=true,text="battery.soc_pct is 9 %, below 10 %" 4000000000'
    ]


def test_what_is_not_watched_any_more_ends_where_it_was_seen_last() -> None:
    bench = Reloaded()
    assert len(bench.take(Step(1.0, soc=9, temp_c=-20.0), Step(2.0, soc=9, temp_c=-20.0))) == 2
    assert bench.replace(stages_of(LIMITS[1:])) == [
        'level=0,active=false,text="no longer watched: battery.soc_pct below 10 %" 2000000000'
    ]
    assert bench.take(Step(3.0, soc=9, temp_c=-20.0)) == []
    assert bench.replace(Stages(PLAN, None, vehicle="van")) == [  # the bus itself is not there any more
        'level=0,active=false,text="no longer watched: battery.temp_max_c below -10 °C" 3000000000'
    ]


def test_another_vehicle_has_alarms_of_its_own() -> None:
    bench = Reloaded()
    assert len(bench.take(Step(1.0, soc=9))) == 1
    assert bench.replace(stages_of(vehicle="bus7")) == [
        'level=0,active=false,text="no longer watched: battery.soc_pct below 10 %" 1000000001'
    ]
    assert [text.partition(",text")[0] for text in bench.take(Step(2.0, soc=9))] == ["level=1,active=true"]


def test_a_log_that_begins_again_begins_with_no_alarm() -> None:
    bench = Reloaded()
    assert len(bench.take(Step(1.0, soc=9))) == 1
    bench.pipeline.start_over("log", "another", {})
    assert bench.replace(stages_of()) == []
    assert len(bench.take(Step(2.0, soc=9))) == 1


PATIENT = Limit("battery.soc_pct", "soc_low", below=10.0, hysteresis=2.0, for_s=5.0)
BEGINS_LOW = 'level=1,active=true,text="battery.soc_pct is 9 %, below 10 %"'


@pytest.mark.parametrize(
    "limits",
    [
        [PATIENT],
        [LIMITS[1], replace(PATIENT, hysteresis=0.0)],
        [replace(PATIENT, below=8.0), PATIENT],
        [replace(PATIENT, for_s=3.5)],
    ],
)
def test_a_wait_of_a_limit_that_is_the_same_goes_on_over_a_new_line(limits: list[Limit]) -> None:
    bench = Reloaded()
    bench.replace(stages_of([PATIENT]))
    assert bench.take(Step(1.0, soc=9), Step(4.0, soc=9)) == []
    for _ in range(2):  # the second time nothing has come in between
        assert bench.replace(stages_of(limits)) == []
    assert bench.take(Step(6.0, soc=9)) == [f"{BEGINS_LOW} 6000000000"]
    assert bench.take(Step(7.0, soc=9)) == []


@pytest.mark.parametrize("another", [stages_of([replace(PATIENT, below=9.5)]), stages_of(vehicle="bus7")])
def test_a_wait_of_another_limit_or_vehicle_begins_again(another: Stages) -> None:
    bench = Reloaded()
    bench.replace(stages_of([PATIENT]))
    assert bench.take(Step(1.0, soc=9)) == []
    assert bench.replace(another) == []
    assert bench.replace(stages_of([PATIENT])) == []
    assert bench.take(Step(6.0, soc=9)) == []


def test_a_wait_does_not_outlast_a_value_that_was_good_before_the_new_line() -> None:
    bench = Reloaded()
    bench.replace(stages_of([PATIENT]))
    assert bench.take(Step(1.0, soc=9), Step(2.0, soc=10)) == []
    assert bench.replace(stages_of([PATIENT])) == []
    assert bench.take(Step(6.0, soc=9)) == []


def test_an_alarm_that_is_active_keeps_the_place_of_one_that_waits() -> None:
    bench = Reloaded()
    bench.replace(stages_of([replace(LIMITS[0], below=15.0), PATIENT]))
    assert len(bench.take(Step(1.0, soc=9))) == 1
    assert bench.replace(stages_of([PATIENT])) == []
    assert len(bench.take(Step(2.0, soc=20))) == 1
    assert bench.take(Step(7.0, soc=9)) == []

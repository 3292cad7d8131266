"""Several origins of one field: the first of those that were heard within 10 s fills it."""

import itertools
from collections.abc import Sequence

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.senders import NEW_SENDER

from telemetry.errors import ConfigError
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from tests.support.plan_specs import Signal, plan, tenths

PLAN = plan(
    {
        "port": {
            "Preferred": {"Amps": tenths(), "Volts": tenths()},
            "Sent": {"Amps": tenths(), "Cell": tenths()},
            "Asked": {"Amps": tenths(), "Cell": tenths()},
            "Layout": {"Amps": tenths(), "Cell": Signal()},
        }
    }
)
NAMES = [record.measurement for record in PLAN.records]
RANKED = [
    MapEntry("Preferred.Amps", "battery.current_a", rank=0, absent=(0,)),
    MapEntry("Sent.Amps", "battery.current_a", rank=1),
    MapEntry("Asked.Amps", "battery.current_a", rank=2),
    MapEntry("Layout.Amps", "battery.current_a", rank=2),
]
Heard = tuple[float, str]  # seconds, message


class Car:
    """The mapper of a channel, and which of the rows that came filled `battery.current_a`."""

    def __init__(self, spec: MapSpec, channels: Sequence[int] = (0,)) -> None:
        self.schema = Schema(PLAN.records + spec.records)
        self.mapper = Mapper(self.schema, spec)
        self.fields: list[dict[str, float]] = []
        for channel in channels:
            self.mapper.bind(channel, 0, range(len(spec.tag_sets)))

    def take(self, *heard: Heard, channel: int = 0, raw: int = 10, id: int = 0) -> list[Heard]:
        """Take one row a batch; return those that filled it."""
        filled = []
        for seconds, name in heard:
            rows, out = SampleBatch(self.schema), SampleBatch(self.schema)
            time_ns = 1_700_000_000 * 10**9 + round(seconds * 1e9)
            values = {"Amps": raw}
            rows.append(NAMES.index(name), time_ns, values, tags=0, channel=channel, id=id, nudge_ns=0)
            self.mapper.map(rows, out)
            made = [dict(row.raw) for row in out if row.measurement == "battery"]
            self.fields += made
            filled += [(seconds, name) for row in made if "current_a" in row]
        return filled


@pytest.mark.parametrize(
    ("heard", "silent"),
    [
        pytest.param(
            [(0, "Sent"), (1, "Preferred"), (1.5, "Sent"), (11, "Sent")], [2, 3], id="10 s are lately"
        ),
        pytest.param([(0, "Preferred"), (10.000000001, "Sent"), (10.1, "Preferred")], [], id="more are not"),
        pytest.param(
            [(0, "Preferred"), (5, "Sent"), (11, "Asked"), (12, "Sent"), (15.5, "Asked"), (22.5, "Asked")],
            [1, 2, 4],
            id="one that fills nothing is heard all the same",
        ),
        pytest.param([(0, "Asked"), (0.1, "Layout"), (0.2, "Asked")], [], id="equal ones are alternatives"),
        pytest.param([(0, "Sent"), (0.1, "Layout"), (0.2, "Asked")], [1, 2], id="and all of them wait"),
        pytest.param(
            [(0, "Preferred"), (-3600, "Sent"), (-3590.1, "Sent"), (-3590, "Sent"), (-3589, "Sent")],
            [1, 2, 3],
            id="after a step back by an hour it is waited for once more",
        ),
        pytest.param(
            [(0, "Preferred"), (1, "Sent"), (-3600, "Asked"), (-3589, "Asked")],
            [1, 2],
            id="for all of them at once",
        ),
        pytest.param(
            [(0, "Preferred"), (1, "Sent"), (4000, "Sent"), (4001, "Preferred")], [1], id="or forward"
        ),
    ],
)
def test_the_first_that_was_heard_within_10_s_fills_the_field(heard: list[Heard], silent: list[int]) -> None:
    expected = [one for number, one in enumerate(heard) if number not in silent]
    assert Car(resolve(RANKED, PLAN)).take(*heard) == expected


def test_a_value_that_is_absent_is_not_heard() -> None:
    car = Car(resolve(RANKED, PLAN))
    assert car.take((0, "Preferred"), raw=0) == []
    assert car.take((1, "Sent")) == [(1, "Sent")]


def test_packs_and_channels_wait_for_their_own_origins_alone() -> None:
    rear = [MapEntry("Sent.Amps", "battery.current_a", pack="rear", rank=1)]
    rear += [MapEntry("Layout.Amps", "battery.current_a", pack="rear", rank=0)]
    car = Car(resolve([*RANKED, *rear], PLAN), channels=(3, 7))
    assert car.take((0, "Preferred"), channel=3) == [(0, "Preferred")]
    assert car.take((1, "Sent"), channel=7) == [(1, "Sent")] * 2  # of either pack
    assert car.take((1, "Sent"), channel=3) == [(1, "Sent")]  # of the rear one alone


@pytest.mark.parametrize(("is_remembered", "expected"), [(True, []), (False, [(5, "Sent")])])
def test_a_reload_goes_on_waiting(is_remembered: bool, expected: list[Heard]) -> None:
    spec = resolve(RANKED, PLAN)
    car, next_one = Car(spec), Car(spec)
    car.take((0, "Preferred"))
    if is_remembered:
        memory = car.mapper.memory(0)
        assert memory
        next_one.mapper.remember(0, memory)
    assert next_one.take((5, "Sent")) == expected


def test_another_device_is_not_waited_for() -> None:
    car = Car(resolve(RANKED, PLAN))
    car.take((0, "Preferred"), id=1)
    assert car.take((1, "Sent"), id=1) == []
    assert car.take((2, "Sent"), id=2 | NEW_SENDER) == [(2, "Sent")]


def test_what_is_derived_follows_from_what_fills() -> None:
    """36 A are 0.01 Ah a second. Nothing is counted twice, nor while neither origin fills."""
    entries = [*RANKED, MapEntry("Preferred.Volts", "battery.voltage_v", rank=0)]
    car = Car(resolve(entries, PLAN, counting=Counting()))
    preferred = [(seconds, "Preferred") for seconds in range(61)]
    sent = [(seconds * 0.7, "Sent") for seconds in range(150)]  # to 104.3 s; it fills from 70.7 s on
    for seconds, name in sorted(preferred + sent):
        car.take((seconds, name), raw=360 if name == "Preferred" else 720)
    charged = [row["charged_ah"] for row in car.fields if "charged_ah" in row]
    assert charged == sorted(charged)
    assert charged[-1] == pytest.approx(60 * 0.01 + (104.3 - 70.7) * 0.02, abs=0.7 * 0.02)
    assert max(after - before for before, after in itertools.pairwise(charged)) < 0.03


def test_what_the_configuration_maps_is_filled_by_it_alone() -> None:
    own = MapEntry("Layout.Amps", "battery.current_a")
    for entries in ([*RANKED[:3], own], [own, *RANKED[:3]]):
        spec = resolve(entries, PLAN)
        assert Car(spec).take((0, "Preferred"), (1, "Sent"), (2, "Layout")) == [(2, "Layout")]
        assert sorted(spec.overruled) == [
            ("battery.current_a", f"{name}.Amps", "map[0]") for name in ("Asked", "Preferred", "Sent")
        ]
    assert resolve(RANKED, PLAN).overruled == ()


@pytest.mark.parametrize("ranks", [(0, 1), (1, 1), (None, None)])
def test_cells_that_are_sent_have_one_origin(ranks: tuple[int | None, int | None]) -> None:
    one, other = ranks
    entries = [MapEntry("Sent.Cell", "cells.v1", rank=one), MapEntry("Asked.Cell", "cells.v1", rank=other)]
    with pytest.raises(ConfigError, match=r"cells.v001 of pack main comes from Sent.Cell already"):
        resolve(entries, PLAN)

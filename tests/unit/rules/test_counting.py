"""What the mapper counts of charge and energy, one promise a test."""

from dataclasses import replace

import pytest
from telemetry_core.rows.spec import SlotKind

from telemetry.rules.limits import Limit, limit_alarms
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.sources.keys import SimulatedTime
from tests.support import mapper_bench
from tests.support.plan_specs import Signal, plan, tenths
from tests.support.serial_rig import SETTINGS

SECOND = 1_000_000_000
COUNTERS = {"charged_ah", "discharged_ah", "charged_wh", "discharged_wh"}
PACK = (MapEntry("Pack.Volts", "battery.voltage_v"), MapEntry("Pack.Amps", "battery.current_a"))
POWER = MapEntry("Other.Watts", "battery.power_w")


CAR = plan(
    {
        "can0": {
            "Pack": {"Volts": tenths(), "Amps": tenths()},
            "Other": {"Watts": Signal(kind=SlotKind.FLOAT), "SoC": tenths(), "Counter": tenths()},
        }
    }
)


class Bench(mapper_bench.Bench):
    """A mapper that counts."""

    def __init__(self, *entries: MapEntry, counting: Counting | None = Counting()) -> None:  # noqa: B008  # frozen
        super().__init__(*entries, plan=CAR, counting=counting)

    def pack(self, seconds: float, amps: float, volts: float = 400.0, channel: int = 0) -> dict[str, float]:
        """Return the counters that stand in the row of this reading."""
        return self._counters("Pack", seconds, channel, Volts=round(10 * volts), Amps=round(10 * amps))

    def watts(self, seconds: float, watts: float) -> dict[str, float]:
        return self._counters("Other", seconds, Watts=watts)

    def _counters(self, message: str, seconds: float, channel: int = 0, **raw: float) -> dict[str, float]:
        (row,) = self.put(message, seconds, channel, **raw)
        return {name: value for name, value in row.raw.items() if name in COUNTERS}


def test_counters_begin_at_zero_with_the_first_reading() -> None:
    assert Bench(*PACK).pack(0, 100) == dict.fromkeys(COUNTERS, 0.0)


def test_an_hour_at_one_ampere_is_an_ampere_hour_and_at_400_volts_400_watt_hours() -> None:
    bench = Bench(*PACK)
    for second in range(3600):
        bench.pack(second, 1.0)
    assert bench.pack(3600, 1.0) == {
        "charged_ah": 1.0,
        "discharged_ah": 0.0,
        "charged_wh": 400.0,
        "discharged_wh": 0.0,
    }


def test_what_goes_out_is_counted_apart_and_grows_too() -> None:
    bench = Bench(*PACK)
    bench.pack(0, -36)
    assert bench.pack(1, -36) == {
        "charged_ah": 0.0,
        "discharged_ah": 0.01,
        "charged_wh": 0.0,
        "discharged_wh": 4.0,
    }


def test_between_two_readings_the_current_is_a_straight_line() -> None:
    bench = Bench(*PACK)
    bench.pack(0, 0)
    assert bench.pack(2, 36)["charged_ah"] == 0.01


def test_a_line_through_zero_is_parted_where_it_crosses() -> None:
    bench = Bench(*PACK)
    bench.pack(0, -36)
    counters = bench.pack(2, 108)  # zero after half a second
    assert (counters["discharged_ah"], counters["charged_ah"]) == (0.0025, 0.0225)
    counters = bench.pack(4, -36)  # and back
    assert (counters["discharged_ah"], counters["charged_ah"]) == (0.005, 0.045)


def test_counters_are_reported_with_the_first_reading_of_each_second() -> None:
    bench = Bench(*PACK)
    reported = [bool(bench.pack(tenth / 10, 1)) for tenth in range(5, 26)]
    assert [tenth for tenth, is_reported in zip(range(5, 26), reported, strict=True) if is_reported] == [
        5,
        10,
        20,
    ]


def test_a_gap_is_not_bridged_and_counting_goes_on_after_it() -> None:
    bench = Bench(*PACK)
    bench.pack(0, 36)
    assert bench.pack(2, 36)["charged_ah"] == 0.02
    assert bench.pack(4.001, 36)["charged_ah"] == 0.02
    assert bench.pack(5.001, 36)["charged_ah"] == 0.03


def test_a_step_back_in_time_is_not_counted_and_counting_goes_on_from_there() -> None:
    bench = Bench(*PACK)
    bench.pack(1, 36)
    assert bench.pack(0.5, 36)["charged_ah"] == 0.0
    assert bench.pack(1.5, 36)["charged_ah"] == 0.01


def test_readings_of_one_stamp_count_nothing_and_the_last_of_them_counts_on() -> None:
    bench = Bench(*PACK)
    for amps in (0, 72, 36):
        bench.pack(0, amps)
    assert bench.pack(1, 36)["charged_ah"] == 0.01


def test_a_bus_may_bridge_more() -> None:
    bench = Bench(*PACK, counting=Counting({"can0": 5 * SECOND}))
    bench.pack(0, 36)
    assert bench.pack(5, 36)["charged_ah"] == 0.05
    assert bench.pack(10.001, 36)["charged_ah"] == 0.05


@pytest.mark.parametrize(("poll_every_s", "gap_s"), [(None, 3), (0.5, 3), (5.0, 15)])
def test_two_lost_polls_of_a_serial_device_are_bridged(poll_every_s: float | None, gap_s: float) -> None:
    assert (
        replace(SETTINGS, devices=(replace(SETTINGS.devices[0], poll_every_s=poll_every_s),)).count_gap_ns
        == gap_s * SECOND
    )


def test_a_simulator_that_is_faster_than_the_clock_may_be_read_more_rarely() -> None:
    faster = replace(SETTINGS, simulated_time=SimulatedTime(60.0, 0, 0))
    assert faster.count_gap_ns == 120 * SECOND


def test_current_alone_is_counted_as_charge_and_power_alone_as_energy() -> None:
    current, power = Bench(PACK[1]), Bench(POWER)
    current.put("Pack", 0, Amps=360)
    (row,) = current.put("Pack", 1, Amps=360)
    assert row.raw.keys() & COUNTERS == {"charged_ah", "discharged_ah"}
    power.watts(0, -3600)
    assert power.watts(1, -3600) == {"charged_wh": 0.0, "discharged_wh": 1.0}


def test_power_that_is_reported_is_counted_and_not_voltage_times_current() -> None:
    bench = Bench(*PACK, POWER)
    bench.pack(0, 36)
    bench.watts(0, 7200)
    assert bench.pack(1, 36) == {
        "charged_ah": 0.01,
        "discharged_ah": 0.0,
        "charged_wh": 0.0,
        "discharged_wh": 0.0,
    }
    assert bench.watts(2, 7200) == {
        "charged_ah": 0.01,
        "discharged_ah": 0.0,
        "charged_wh": 4.0,
        "discharged_wh": 0.0,
    }


def test_a_counter_that_the_map_fills_is_the_batterys_own() -> None:
    bench = Bench(*PACK, MapEntry("Other.Counter", "battery.charged_wh"))
    bench.pack(0, 36)
    assert bench.pack(1, 36).keys() == COUNTERS - {"charged_wh"}
    (row,) = bench.put("Other", 1, Counter=5)
    assert row.raw == {"charged_wh": 0.5}


def test_rows_without_current_and_power_hold_no_counters() -> None:
    bench = Bench(*PACK, MapEntry("Other.SoC", "battery.soc_pct"))
    bench.pack(0, 36)
    (row,) = bench.put("Other", 1, SoC=500)
    assert row.raw == {"soc_pct": 50.0}
    assert bench.pack(1, 36)["charged_ah"] == 0.01  # still the first reading of its second


def test_each_pack_and_each_channel_counts_for_itself() -> None:
    bench = Bench(*PACK, MapEntry("Pack.Amps", "battery.current_a", pack="rear", scale=-1.0))
    bench.bind(1)
    for second in (0, 1):
        main, rear = bench.put("Pack", second, Volts=4000, Amps=360)
        other, _ = bench.put("Pack", second, channel=1, Volts=4000, Amps=720)
    assert (main.raw["charged_ah"], rear.raw["discharged_ah"], rear.raw["charged_ah"]) == (0.01, 0.01, 0.0)
    assert other.raw["charged_ah"] == 0.02


def test_binding_again_counts_from_zero() -> None:
    bench = Bench(*PACK)
    bench.pack(0, 36)
    bench.pack(1, 36)
    bench.bind(0)
    assert bench.pack(1.5, 36) == dict.fromkeys(COUNTERS, 0.0)


def test_without_counting_there_are_no_counters() -> None:
    bench = Bench(*PACK, counting=None)
    assert bench.pack(0, 36) == bench.pack(1, 36) == {}


def test_a_reading_that_would_make_a_sum_infinite_is_not_counted() -> None:
    bench = Bench(POWER)
    for second, watts in enumerate((3600, 1.7e308, 1.7e308, -1.7e308, 3600, 3600)):
        counters = bench.watts(second, watts)
    assert counters["discharged_wh"] < counters["charged_wh"] < 1e308 / 36


def test_counters_of_chargers_and_meters_are_their_own() -> None:
    bench = Bench(MapEntry("Other.Watts", "charger.power_w"), MapEntry("Other.Watts", "meter.power_w"))
    bench.put("Other", 0, Watts=1)
    assert [row.raw for row in bench.put("Other", 1, Watts=1)] == [{"power_w": 1.0}, {"power_w": 1.0}]


def test_a_limit_may_be_on_a_counter() -> None:
    spec = resolve(PACK, CAR, counting=Counting())
    limit = Limit("battery.discharged_wh", "limit", above=500.0)
    (alarm,) = limit_alarms([limit], spec)
    assert spec.records[0].fields[alarm.rule.field].name == "discharged_wh"

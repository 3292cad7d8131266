"""Two batteries on one J1939 bus, on their way through the stages, where the map names them and where not."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import Ledger, imbalances
from telemetry.live.gateway import describe
from telemetry.live.state import LiveState
from telemetry.live.view import live_view
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support import stages
from tests.support.clock import FakeClock
from tests.support.lineprotocol import Number, parse_line
from tests.support.listed_store import ListedStore
from tests.support.plan_specs import Signal, j1939, plan, tenths
from tests.support.stages import Sent, batch_of, resumed, written
from tests.support.transport_wire import bam, id_of

SECOND = 1_000_000_000
PACK, CELLS, LONG = 0x98FF0000, 0x98FF0100, 0xFF02  # the ids without the sender; the PGN of a broadcast


def at(bit: int, signal: Signal) -> Signal:
    return replace(signal, start_bit=bit)


PLAN = j1939(
    plan(
        {
            "can0": {
                "Pack": {
                    "High": at(0, Signal(kind=SlotKind.BOOL, bits=1, signed=False)),
                    "Volts": at(8, tenths()),
                    "Amps": at(24, tenths()),
                },
                "Cells": {
                    "Page": at(0, Signal(bits=8, signed=False, kind=SlotKind.UINT)),
                    **{
                        f"Cell{n}": at(
                            8 + 16 * ((n - 1) % 2), Signal(DecimalScale(1, 0, 3), pages=[(n - 1) // 2])
                        )
                        for n in range(1, 5)
                    },
                },
                "Long": {"SoC": at(64, Signal(DecimalScale(1, 0, 0), bits=8, signed=False))},
            }
        }
    )
)
UNNAMED = [
    MapEntry("Pack.High", "event.cell_overvoltage"),
    MapEntry("Pack.Volts", "battery.voltage_v"),
    MapEntry("Pack.Amps", "battery.current_a"),
    MapEntry("Cells.Cell{n}", "cells.v{n}"),
    MapEntry("Long.SoC", "battery.soc_pct"),
]
NAMED = [
    replace(entry, sender=sender, pack=pack)
    for entry in UNNAMED
    for sender, pack in ((1, "left"), (2, "right"), (3, "rear"))
]
LIMITS = [Limit("cells.v*", "cell_overvoltage", above=4.0, for_s=0.5)]


@dataclass(frozen=True, slots=True)
class Battery:
    """What one of them sends each 0.1 s: 400 V, its current, its four cells in two pages."""

    sender: int
    amps: float
    high: bool
    cell_mv: int
    soc: int

    def frames(self, step: int) -> list[Sent]:
        time_ns = step * SECOND // 10 + self.sender * SECOND // 100
        pack = struct.pack("<Bhh", self.high, 4000, round(self.amps * 10)) + b"\xff\xff\xff"
        cells = struct.pack("<BHH", step % 2, self.cell_mv, self.cell_mv) + b"\xff\xff\xff"
        return [(time_ns, PACK | self.sender, pack), (time_ns + 1000, CELLS | self.sender, cells)]


FIRST = Battery(sender=1, amps=10.0, high=True, cell_mv=3900, soc=80)
SECOND_ONE = Battery(sender=2, amps=-10.0, high=False, cell_mv=4100, soc=30)
THIRD = Battery(sender=3, amps=5.0, high=False, cell_mv=3700, soc=50)


def recorded(batteries: Sequence[Battery] = (FIRST, SECOND_ONE), steps: int = 31) -> list[Sent]:
    return [frame for step in range(steps) for battery in batteries for frame in battery.frames(step)]


def stages_of(
    entries: Sequence[MapEntry] = UNNAMED, limits: Sequence[Limit] = LIMITS, every_s: float = 0.0
) -> Stages:
    return stages.stages_of(PLAN, entries, limits, source="log", every_s=every_s, counting=Counting())


def rows_of(text: bytes, measurement: str, **tags: str) -> list[dict[str, object]]:
    points = [parse_line(line) for line in text.splitlines() if line.startswith(f"{measurement},".encode())]
    return [
        {name: float(value) if isinstance(value, Number) else value for name, value in point.fields.items()}
        for point in points
        if tags.items() <= point.tags.items()
    ]


def events(text: bytes) -> list[tuple[str, str]]:
    found = [parse_line(line) for line in text.splitlines() if line.startswith(b"event,")]
    return [(point.tags["code"], str(point.fields["text"])) for point in found]


def test_two_batteries_of_which_none_is_named_do_not_become_one() -> None:
    text = written(stages_of(), recorded())
    battery = rows_of(text, "battery")
    assert {row["current_a"] for row in battery if "current_a" in row} == {10.0}
    assert {row["power_w"] for row in battery if "power_w" in row} == {4000.0}
    assert {value for row in rows_of(text, "cells") for value in row.values()} == {3.9}
    assert {row["cell_delta_v"] for row in battery if "cell_delta_v" in row} == {0.0}
    # 10 A and 4 kW for 3 s
    counted = next(row for row in reversed(battery) if "charged_ah" in row)
    assert (counted["charged_ah"], counted["discharged_ah"]) == (round(30 / 3600, 6), 0.0)
    assert (counted["charged_wh"], counted["discharged_wh"]) == (round(12_000 / 3600, 6), 0.0)
    assert [code for code, _ in events(text)] == ["cell_overvoltage", "second_sender", "second_sender"]
    # What both have said stands beside the data model.
    assert len(rows_of(text, "Pack", sa="01")) == len(rows_of(text, "Pack", sa="02")) == 31


def test_the_report_names_both_senders_and_what_to_write() -> None:
    reports = [text for code, text in events(written(stages_of(), recorded())) if code == "second_sender"]
    assert reports == [
        f"{message} comes from senders 01 and 02; only 01 is taken. Name each in [[map]]:"
        ' sender = "01" and sender = "02", each with a pack or charger of its own'
        for message in ("Pack", "Cells")
    ]


def test_what_is_kept_out_is_counted_and_the_accounts_balance() -> None:
    line, frames = stages_of(), recorded()
    text, counted = written(line, frames), line.counted()
    assert counted["senders/log/Pack/kept_out"] == counted["senders/log/Cells/kept_out"] == 31
    counted["bus/log/read"] += len(frames)
    assert list(imbalances(counted, text.count(b"\n"), {})) == []


def test_three_batteries_by_name_are_three_packs_of_one_message() -> None:
    line = stages_of(NAMED)
    text = written(line, recorded([FIRST, SECOND_ONE, THIRD]))
    for pack, amps, volts in (("left", 10.0, 3.9), ("right", -10.0, 4.1), ("rear", 5.0, 3.7)):
        battery = rows_of(text, "battery", pack=pack)
        assert {row["current_a"] for row in battery if "current_a" in row} == {amps}
        assert {row["power_w"] for row in battery if "power_w" in row} == {400.0 * amps}
        assert {tuple(row.values()) for row in rows_of(text, "cells", pack=pack)} == {(volts,) * 4}
        counted = next(row for row in reversed(battery) if "charged_ah" in row)
        flowed = (round(3 * abs(amps) / 3600, 6), 0.0)
        into, out_of = flowed if amps > 0 else flowed[::-1]
        assert (counted["charged_ah"], counted["discharged_ah"]) == (into, out_of)
    assert [code for code, _ in events(text)] == [
        "cell_overvoltage"
    ] * 2  # the alarm of one, the limit of the other
    packs = [
        re.search("pack=[a-z]+", line.decode()) for line in text.splitlines() if line.startswith(b"event,")
    ]
    assert [pack and pack[0] for pack in packs] == ["pack=left", "pack=right"]

    assert not [name for name in line.counted() if name.startswith("senders/")]


def test_an_alarm_of_one_battery_is_not_ended_by_the_other_where_alarms_alone_are_mapped() -> None:
    line = stages_of(UNNAMED[:1], limits=[])
    text = written(line, recorded())
    assert [code for code, _ in events(text)] == ["cell_overvoltage", "second_sender"]
    assert line.counted()["senders/log/Pack/kept_out"] == 31


def test_over_another_configuration_an_alarm_of_one_sender_does_not_become_that_of_another() -> None:
    pipeline = Pipeline(
        stages_of([replace(UNNAMED[0], sender=1)], limits=[]),
        store := ListedStore(),
        Ledger({}),
        FakeClock(),
        {},
    )
    pipeline.process("log", batch_of(recorded(steps=2)), {}, own_time=True)
    pipeline.replace_stages(stages_of([replace(UNNAMED[0], sender=2)], limits=[]))
    pipeline.finish()
    high = "a cell's voltage is too high (Pack.High)"
    assert [text for _, text in events(store.text)] == [high, f"no longer watched: {high}"]


def test_a_sender_that_is_named_is_the_only_one() -> None:
    text = written(stages_of([replace(entry, sender=2) for entry in UNNAMED], limits=[]), recorded())
    assert {row["current_a"] for row in rows_of(text, "battery") if "current_a" in row} == {-10.0}
    assert events(text) == []


def test_cells_of_one_pack_may_come_from_two_senders() -> None:
    halves = [
        MapEntry(f"Cells.Cell{n}", f"cells.v{n + 4 * (sender - 1)}", sender=sender)
        for sender in (1, 2)
        for n in range(1, 5)
    ]
    text = written(stages_of(halves, limits=[]), recorded())
    assert {tuple(row.values()) for row in rows_of(text, "cells")} == {(3.9,) * 4 + (4.1,) * 4}
    assert {row["cell_delta_v"] for row in rows_of(text, "battery")} == {0.2}


def test_payloads_of_several_frames_have_a_sender_too() -> None:
    wire = [
        text
        for step in range(3)
        for battery in (FIRST, SECOND_ONE)
        for text in bam(battery.sender, b"\0" * 8 + bytes([battery.soc]), LONG)
    ]
    frames = [sent(text, number) for number, text in enumerate(wire)]
    unnamed = written(stages_of(limits=[]), frames)
    assert [row["soc_pct"] for row in rows_of(unnamed, "battery")] == [80.0] * 3
    assert [code for code, _ in events(unnamed)] == ["second_sender"]
    named = written(stages_of(NAMED, limits=[]), frames)
    assert [row["soc_pct"] for row in rows_of(named, "battery", pack="right")] == [30.0] * 3


def sent(text: str, number: int) -> Sent:
    id, _, data = text.partition("#")
    return number * SECOND // 100, id_of(id), bytes.fromhex(data)


def changing() -> list[Sent]:
    """Both for a second; then the second alone; then the first comes back with another address."""
    both = recorded(steps=10)
    alone = [(time_ns, id, data) for time_ns, id, data in recorded([SECOND_ONE], 150)[20:]]
    again = [
        (time_ns + 20 * SECOND, id, data) for time_ns, id, data in recorded([replace(FIRST, sender=7)], 200)
    ]
    return [*both, *alone, *again]


@pytest.mark.parametrize("entries", [UNNAMED, NAMED, [*UNNAMED, *NAMED[::3]]])
@pytest.mark.parametrize("every_s", [0.0, 60.0])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_what_is_written_does_not_depend_on_batches(
    entries: Sequence[MapEntry], every_s: float, size: int
) -> None:
    frames = changing()
    expected = written(stages_of(entries, every_s=every_s), frames)
    assert written(stages_of(entries, every_s=every_s), frames, size) == expected


def test_a_battery_that_comes_back_with_another_address_goes_on_as_the_same_pack() -> None:
    text = written(stages_of(limits=[]), changing())
    assert {row["current_a"] for row in rows_of(text, "battery") if "current_a" in row} == {10.0}
    assert ("sender_changed", "Pack comes from sender 07 now, instead of 01") in events(text)
    assert [code for code, _ in events(text)].count("sender_changed") == 1
    # 0.9 s of the first address and what the second one has sent: nothing is counted for the time between.
    counted = next(row for row in reversed(rows_of(text, "battery")) if "charged_ah" in row)
    assert isinstance(counted["charged_ah"], float)
    seconds = counted["charged_ah"] * 3600 / 10
    assert 0.9 + 18.0 <= seconds <= 0.9 + 20.0


def test_a_row_that_waits_in_the_reducer_does_not_get_values_of_another_device() -> None:
    frames = [
        (0, PACK | 1, struct.pack("<Bhh", 0, 4000, 0) + b"\xff\xff\xff"),
        (SECOND, PACK | 1, struct.pack("<Bhh", 0, 4000, 10) + b"\xff\xff\xff"),
        (11 * SECOND, PACK | 3, struct.pack("<B", 0) + struct.pack("<h", 3000)),  # too short for a current
    ]
    text = written(stages_of(UNNAMED[1:3], limits=[], every_s=60.0), frames)
    rows = rows_of(text, "battery")
    assert [(row.get("voltage_v"), row.get("current_a")) for row in rows] == [
        (400.0, 0.0),
        (400.0, 1.0),
        (300.0, None),
    ]


def test_a_limit_does_not_wait_over_a_change_of_the_sender() -> None:
    limit = Limit("battery.voltage_v", "pack_overvoltage", above=390.0, for_s=11.0)
    frames = [
        (round(seconds * SECOND), PACK | sender, struct.pack("<Bhh", 0, 4000, 0) + b"\xff\xff\xff")
        for seconds, sender in ((0.0, 1), (11.0, 3), (21.0, 3), (22.0, 3))
    ]
    text = written(stages_of(UNNAMED[1:3], [limit]), frames)
    lines = [line for line in text.decode().splitlines() if line.startswith("event,code=pack_overvoltage")]
    assert [line.rpartition(" ")[2] for line in lines] == [str(22 * SECOND)]


def test_over_another_configuration_a_message_is_taken_from_the_same_sender() -> None:
    store, ledger = ListedStore(), Ledger({})
    pipeline = Pipeline(stages_of(), store, ledger, FakeClock(), {})
    frames = recorded(steps=20)
    pipeline.process("log", batch_of(frames[:20]), {}, own_time=True)
    pipeline.replace_stages(stages_of(UNNAMED[::-1]))
    pipeline.process("log", batch_of(frames[22:]), {}, own_time=True)  # begins with the second battery
    pipeline.finish()
    assert {row["current_a"] for row in rows_of(store.text, "battery") if "current_a" in row} == {10.0}
    assert [code for code, _ in events(store.text)].count("second_sender") == 2
    assert [text for code, text in events(store.text) if code == "cell_overvoltage"] == [
        "a cell's voltage is too high (Pack.High)"
    ]
    assert ledger.snapshot()["senders/log/Pack/kept_out"] == 20
    assert list(imbalances(ledger.snapshot(), store.text.count(b"\n"), {})) == []


@pytest.mark.parametrize("stored", [0, 1, 3, 4, 5, 6, 7, 40, 124])
def test_a_resumed_log_reports_senders_once(stored: int) -> None:
    frames = recorded()
    rest, counters = resumed(stages_of(), frames, stored, 3)
    assert written(stages_of(), frames[:stored]) + rest == written(stages_of(), frames)
    assert counters["senders/log/Pack/kept_out"] == 31  # of a log counted afresh


def test_a_log_that_begins_again_has_no_senders_yet() -> None:
    store = ListedStore()
    pipeline = Pipeline(stages_of(limits=[]), store, Ledger({}), FakeClock(), {})
    pipeline.process("log", batch_of(recorded(steps=3)), {}, resume_as="log")
    pipeline.start_over("log", "another", {})
    pipeline.finish()
    before = len(store.text)
    pipeline.process("log", batch_of(recorded([SECOND_ONE], 3)), {}, resume_as="another")
    pipeline.finish()
    assert {row["current_a"] for row in rows_of(store.text[before:], "battery") if "current_a" in row} == {
        -10.0
    }


def test_who_looks_on_sees_one_pack_and_the_messages_of_both_senders() -> None:
    line, live = stages_of(), LiveState(FakeClock(), lambda _name: None)
    line.set_observer(live)
    line.bind(0, Binding(0, "log", "can0"))
    live.ask_for_messages()
    live.snapshot()
    line.process(batch_of(recorded()), LineBuffer())
    view = live_view(live.snapshot(), 0.0, describe("van", {}, {}, {}), with_messages=True)
    (pack,) = view["packs"]
    assert (pack["battery"]["current_a"], pack["cells_v"]) == (10.0, [3.9] * 4)
    assert [(one["message"], one["sender"], one["signals"].get("Amps")) for one in view["messages"]] == [
        ("Cells", "01", None),
        ("Cells", "02", None),
        ("Pack", "01", 10.0),
        ("Pack", "02", -10.0),
    ]
    assert [each["code"] for each in view["events"]] == ["second_sender", "second_sender", "cell_overvoltage"]
    (source,) = view["sources"]
    assert source["frames_per_s"] > 0  # each frame counts once, also where a batch is cut

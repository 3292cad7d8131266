"""A protocol is a bus with a database and a map of its own, beside any others."""

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import SerialProtocol
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.map import resolve
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.framing import jbd_message, vedirect_block

ALL = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())


def test_protocols_go_by_the_name_that_users_give() -> None:
    assert {"jbd", "vedirect"} <= PROTOCOLS.keys()
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())


@ALL
def test_rows_of_messages_are_hidden(protocol: SerialProtocol) -> None:
    assert all(record.hidden for record in protocol.records)


@ALL
def test_every_entry_of_the_map_finds_its_signal(protocol: SerialProtocol) -> None:
    spec = PlanSpec(protocol.records, (protocol.bus("port"),))
    assert bool(resolve(protocol.map_entries("port"), spec).targets) == bool(protocol.mapped)


@ALL
def test_every_alarm_is_of_a_pack_or_of_a_charger(protocol: SerialProtocol) -> None:
    spec = PlanSpec(protocol.records, (protocol.bus("port"),))
    entries = protocol.map_entries("port", pack="rear", charger="roof")
    alarms = tuple(mapped_alarms(entries, spec))
    assert {(alarm.pack, alarm.charger) for alarm in alarms} <= {("rear", ""), ("", "roof")}
    wanted = [entry.level for entry in entries if entry.to.startswith("event.")]
    for alarm, level in zip(alarms, wanted, strict=True):
        assert alarm.level is {None: EVENT_CODES[alarm.code].level, "warning": Level.WARNING}[level]


@ALL
def test_a_warning_has_a_protection_of_the_same_code_beside_it(protocol: SerialProtocol) -> None:
    """Except the overtemperature of a Seplos, which is around the pack."""
    levels: dict[str, set[str | None]] = {}
    for one in protocol.mapped:
        levels.setdefault(one.to, set()).add(one.level)
    alone = {to for to, found in levels.items() if found == {"warning"}}
    assert alone == ({"event.overtemperature"} if protocol.name == "seplos_v2" else set())


@ALL
def test_every_request_is_answered_by_a_message_of_the_table(protocol: SerialProtocol) -> None:
    assert {one.reply_id for one in protocol.requests} <= {message.id for message in protocol.messages}


@ALL
def test_its_records_may_stand_after_others_in_a_plan(protocol: SerialProtocol) -> None:
    assert [message.record for message in protocol.bus("port", 10).messages] == [
        10 + number for number in range(len(protocol.messages))
    ]


def test_packs_and_chargers_are_tagged_as_configured() -> None:
    tags = resolve(
        PROTOCOLS["jbd"].map_entries("a", pack="rear"),
        PlanSpec(PROTOCOLS["jbd"].records, (PROTOCOLS["jbd"].bus("a"),)),
    ).tag_sets
    assert tags == ({"pack": "rear"},)
    entries = PROTOCOLS["vedirect"].map_entries("b", pack="rear", charger="roof")
    assert {(entry.to.partition(".")[0], entry.charger) for entry in entries} >= {
        ("battery", None),
        ("charger", "roof"),
    }


def test_two_protocols_go_through_one_line_and_only_what_they_mean_comes_out() -> None:
    jbd, vedirect = PROTOCOLS["jbd"], PROTOCOLS["vedirect"]
    spec = PlanSpec(jbd.records + vedirect.records, (jbd.bus("bms"), vedirect.bus("solar", len(jbd.records))))
    modelling = model(jbd.map_entries("bms") + vedirect.map_entries("solar"), (), spec)
    stages = Stages(spec, modelling.map, modelling.alarms, vehicle="car")
    stages.bind(0, Binding(0, "bms", "bms"))
    stages.bind(1, Binding(1, "solar", "solar"))
    frames, lines = FrameBatch(10), LineBuffer()
    jbd.make_framer(0).feed(jbd_message(0x04, bytes.fromhex("0CE40CE5")), 5, frames)
    vedirect.make_framer(1).feed(vedirect_block({"CS": "3", "V": "13200", "I": "1000"}), 6, frames)
    jbd.make_framer(0).feed(jbd_message(0xAB, bytes(24)), 7, frames)
    stages.process(frames, lines)
    spread = (
        *("cell_min_v=3.3", "cell_max_v=3.301", "cell_delta_v=0.001"),
        *("cell_min_index=1", "cell_max_index=2"),
    )
    charged = 'voltage_v=13.2,current_a=1,power_w=13.2,phase="bulk"'
    assert lines.take().decode().splitlines() == [
        "cells,pack=main,source=bms,vehicle=car v001=3.3,v002=3.301 5",
        "battery,pack=main,source=bms,vehicle=car " + ",".join(spread) + " 5",
        f"charger,charger=main,source=solar,vehicle=car {charged} 6",
    ]
    counted = {name: count for name, count in stages.counted().items() if count}
    assert counted == {
        "frames/bms/decoded": 1,
        "frames/bms/unknown": 1,
        "frames/solar/decoded": 1,
        "points/made/cells": 1,
        "points/made/battery": 1,
        "points/made/charger": 1,
    }


@ALL
@pytest.mark.parametrize(
    ("extremes", "single"),
    [
        (("battery.cell_max_v", "battery.cell_min_v"), "cells.v{n}"),
        (("battery.temp_max_c", "battery.temp_min_c"), "cells.t{n}"),
    ],
)
def test_extremes_are_asked_for_as_often_as_the_values_that_they_are_of(
    extremes: tuple[str, ...], single: str, protocol: SerialProtocol
) -> None:
    ids = {message.name: message.id for message in protocol.messages}
    every_s = {one.reply_id: one.every_s for one in protocol.requests}
    asked_s = {one.to: every_s.get(ids[one.signal.partition(".")[0]]) for one in protocol.mapped}
    assert {asked_s[to] for to in extremes if to in asked_s and single in asked_s} <= {asked_s.get(single)}

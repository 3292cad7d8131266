"""firmware_sim/wire: what is on the bus, against cantools as the independent reader."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database, Message

from firmware_sim.ecus.bms import TICK_S, Bms, VehicleRequest
from firmware_sim.ecus.charger import Charger, ChargerSpec
from firmware_sim.ecus.messages import bms_messages, charger_messages
from firmware_sim.errors import NotValidError
from firmware_sim.plant.pack import Pack, PackSpec
from firmware_sim.wire.broadcast import VEHICLE_DBC, Broadcast, Frame, Values
from firmware_sim.wire.layout import CAN_EFF_FLAG, load_layouts
from tests.unit.firmware_sim.test_board_readings import bitwise_crc8

_TICK_NS = round(TICK_S * 1e9)


def load_database() -> Database:
    database = cantools.database.load_file(VEHICLE_DBC, strict=True)
    assert isinstance(database, Database)
    return database


DATABASE = load_database()


def message_of(id: int) -> Message:
    return DATABASE.get_message_by_frame_id(id & ~CAN_EFF_FLAG)


def messages() -> tuple[Bms, Charger, dict[str, Values]]:
    """Return a battery that is charged, its charger, and what gives the values of their messages."""
    bms = Bms(Pack(PackSpec(start_temp_c=25.0), seed=1))
    charger = Charger(ChargerSpec(start_s=0.5), ambient_c=15.0)
    charger.plug_in(50_000.0)
    return bms, charger, {**bms_messages(bms), **charger_messages(charger)}


def watch(seconds: float) -> Iterator[tuple[dict[str, Values], Frame]]:
    """Yield each frame with what gives the values of that moment."""
    bms, charger, values = messages()
    broadcast = Broadcast(values)
    for tick in range(round(seconds / TICK_S)):
        bms.tick(VehicleRequest.CHARGE)
        charger.tick(bms.charge_request, bms, TICK_S)
        for frame in broadcast.frames_until((tick + 1) * _TICK_NS):
            yield values, frame
        bms.pack.step(charger.current_a, TICK_S)


def play(seconds: float) -> list[Frame]:
    return [frame for _, frame in watch(seconds)]


def test_every_message_of_the_database_is_filled_and_no_other() -> None:
    assert (
        set(messages()[2])
        == {message.name for message in DATABASE.messages}
        == set(load_layouts(VEHICLE_DBC))
    )


def test_every_signal_decodes_to_the_value_within_half_its_resolution() -> None:
    compared: set[str] = set()
    for values, (_, id, data) in watch(3.0):
        message = message_of(id)
        expected = values[message.name]()
        decoded = message.decode(data, decode_choices=False)
        assert isinstance(decoded, dict)
        for name in decoded.keys() & expected.keys():
            value = decoded[name]
            assert isinstance(value, int | float)
            resolution = message.get_signal_by_name(name).scale
            assert value == pytest.approx(float(expected[name]), abs=resolution / 2 + 1e-9), name
            compared.add(f"{message.name}.{name}")
    filled_by_frame = {"Checksum", "Counter", "Page"}
    assert compared == {
        f"{message.name}.{signal.name}"
        for message in DATABASE.messages
        for signal in message.signals
        if signal.name not in filled_by_frame
    }


def test_frames_have_the_bytes_that_cantools_would_encode() -> None:
    frames = play(1.0)
    for _, id, data in frames:
        message = message_of(id)
        assert message.encode(message.decode(data, decode_choices=False), strict=True) == data


def test_frames_come_in_order_at_the_periods_of_the_database() -> None:
    frames = play(2.0)
    times = [at_ns for at_ns, _, _ in frames]
    assert times == sorted(times)
    for message in DATABASE.messages:
        stamps = [at_ns for at_ns, id, _ in frames if message_of(id).name == message.name]
        assert message.cycle_time is not None
        assert len(stamps) == 2000 // message.cycle_time
        gaps = {later - earlier for earlier, later in pairwise(stamps)}
        assert gaps <= {message.cycle_time * 1_000_000}


def test_extended_ids_carry_the_flag() -> None:
    frames = play(1.0)
    for _, id, _ in frames:
        assert bool(id & CAN_EFF_FLAG) is message_of(id).is_extended_frame


def test_alive_counters_run_through_all_sixteen_values_without_a_gap() -> None:
    frames = play(2.0)
    counters: dict[str, list[int]] = {}
    for _, id, data in frames:
        message = message_of(id)
        if "Counter" in message.signal_tree:
            counters.setdefault(message.name, []).append(data[1] & 0xF)
    assert len(counters) == 12
    for values in counters.values():
        assert values == [number % 16 for number in range(len(values))]


def test_checksums_are_those_of_the_databases_comment() -> None:
    frames = play(2.0)
    protected = [(id, data) for _, id, data in frames if "Checksum" in message_of(id).signal_tree]
    assert len(protected) > 200
    for id, data in protected:
        assert data[0] == bitwise_crc8(bytes((id & 0xFF, id >> 8 & 0xFF)) + data[1:])


def test_the_pages_of_a_cycle_hold_every_cell_once() -> None:
    frames = [frame for frame in play(1.0) if message_of(frame[1]).name == "BMS_CellVoltages"]
    names: Counter[str] = Counter()
    for _, id, data in frames[:24]:
        decoded = message_of(id).decode(data)
        assert isinstance(decoded, dict)
        names.update(name for name in decoded if name != "Page")
    assert names == Counter(f"Cell{number:02d}Voltage" for number in range(1, 97))


def test_values_beyond_a_signal_are_clamped_and_not_wrapped() -> None:
    layout = load_layouts(VEHICLE_DBC)["BMS_PackPower"]
    values = {"State": 2.0, "PackVoltage": 700.0, "PackCurrent": -9000.0, "LinkVoltage": -1.0}
    decoded = message_of(0x300).decode(layout.protect(layout.pack(values), 0), decode_choices=False)
    assert isinstance(decoded, dict)
    assert decoded["PackVoltage"] == pytest.approx(655.35)
    assert decoded["PackCurrent"] == pytest.approx(-1638.4)
    assert decoded["LinkVoltage"] == 0.0


def test_layouts_are_values() -> None:
    layout = load_layouts(VEHICLE_DBC)["BMS_Health"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        layout.name = "other"  # type: ignore[misc]  # that it cannot be set is what is tested


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('BO_ 1 A: 8 N\n SG_ S : 7|8@0+ (1,0) [0|0] "" N\nBA_ "GenMsgCycleTime" BO_ 1 100;', "little endian"),
        ('BO_ 1 A: 8 N\n SG_ S : 0|8@1+ (1,0) [0|0] "" N', "GenMsgCycleTime"),
        (
            'BO_ 1 A: 8 N\n SG_ Checksum : 8|8@1+ (1,0) [0|0] "" N\nBA_ "GenMsgCycleTime" BO_ 1 100;',
            "first byte",
        ),
        ("BO_ 1 A: 8 N\n SG_ nonsense", "cannot be loaded"),
    ],
)
def test_a_database_that_cannot_be_played_is_refused(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "other.dbc"
    head = 'VERSION ""\nNS_ :\nBS_:\nBU_: N\nBA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;\n'
    declared, _, attribute = text.partition("\nBA_ ")
    file.write_text(
        head.replace("BA_DEF_", f"{declared}\nBA_DEF_", 1) + (f"BA_ {attribute}\n" if attribute else ""),
        "ascii",
    )
    with pytest.raises(NotValidError, match=what) as caught:
        load_layouts(file)
    assert str(file) in str(caught.value)

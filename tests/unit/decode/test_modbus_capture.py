"""`decode --protocol modbus`: by a map, or the registers that a capture reads."""

import os
from pathlib import Path

import pytest

from firmware_sim.wire.modbus_registers import reply, request
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_protocol
from telemetry.decode.modbus_capture import protocol_of
from telemetry.errors import UsageError
from telemetry.protocols.known import PROTOCOLS
from telemetry.stages.formats import OutputFormat


def capture(folder: Path, *pieces: tuple[str, bytes]) -> Path:
    file = folder / "line.txt"
    lines = [f"({number}.000000) ttyUSB0 {way} {data.hex()}\n" for number, (way, data) in enumerate(pieces)]
    file.write_text("".join(lines))
    return file


def test_blocks_that_were_asked_and_answered_are_messages_in_that_order(tmp_path: Path) -> None:
    file = capture(
        tmp_path,
        ("TX", request(1, 3, 100, 2)),
        ("RX", reply(1, 3, [1, 2])),
        ("RX", request(9, 4, 7, 1) + reply(9, 4, [5])),  # another master's
        ("TX", request(1, 3, 200, 2)),  # without an answer
        ("TX", request(1, 3, 100, 2)),
        ("RX", reply(1, 3, [1, 2])),
    )
    protocol = protocol_of("modbus", None, [file], with_messages=True)
    assert [[signal.name for signal in message.signals] for message in protocol.messages] == [
        ["r00100", "r00101"],
        ["r00007"],
    ]


def test_without_messages_nothing_is_read_ahead(tmp_path: Path) -> None:
    assert protocol_of("modbus", None, [tmp_path], with_messages=False) is PROTOCOLS["modbus"]


def test_a_map_says_what_the_registers_are() -> None:
    assert protocol_of("modbus", "pzem_017", [], with_messages=False).mapped


def test_a_map_of_many_groups_has_room_for_all_that_a_line_completes(tmp_path: Path) -> None:
    places = range(0, 4000, 100)  # too far apart to be asked at once
    tables = [
        f'[[register]]\nname = "v{n}"\nregister = {n}\ntype = "u16"\nto = "meter.voltage_v"\n' for n in places
    ]
    (tmp_path / "map.toml").write_text('title = "meter"\n' + "".join(tables[:1]) + _without_to(tables[1:]))
    both_ways = [request(1, 3, n, 1) + reply(1, 3, [n]) for n in places]
    file = capture(tmp_path, ("RX", b"".join(both_ways)), ("RX", b"".join(both_ways)))
    described = by_protocol("modbus", str(tmp_path / "map.toml"), [file], with_messages=True)
    with Decoder(*described.make(OutputFormat.CSV)).pieces([file]) as pieces:
        text = b"".join(piece.text for piece in pieces).decode()
    assert [row.split(",")[4] for row in text.splitlines() if ",Registers" in row] == [
        f"v{n}" for n in places
    ] * 2


def _without_to(tables: list[str]) -> str:
    return "".join(table.replace('to = "meter.voltage_v"\n', "") for table in tables)


def test_a_pipe_is_not_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="read twice"):
        protocol_of("modbus", None, [pipe], with_messages=True)

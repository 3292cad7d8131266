"""tools/pages/serial_protocols.py: the tables of a page say what a protocol's tables say."""

from telemetry.framing.checks import unchecked
from telemetry.framing.framing import Framing, PortReader, Shape
from telemetry.framing.lengths import fixed
from telemetry.protocols.table import Mapped, Message, SerialProtocol, Signal
from tools.pages.serial_protocols import fields_of

PROTOCOL = SerialProtocol(
    name="made_up",
    title="made up",
    baud_rate=9600,
    framing=Framing((Shape((b"x",), fixed(1), unchecked, 1, 1),), PortReader),
    messages=(
        Message(
            "State",
            1,
            (
                Signal("has_current", 0, 1),
                Signal(
                    "current", 15, 16, factor=0.1, offset=-3000.0, unit="A", place="byte 1", invalid=(65535,)
                ),
                *(Signal(f"cell{n}", 8 * n, 8, mark="single source") for n in range(1, 6)),
            ),
        ),
        Message("About", 2, ()),
    ),
    mapped=(
        Mapped("State.current", "battery.current_a"),
        Mapped("State.cell{n}", "cells.v{n}"),
        Mapped("State.current", "event.sensor_fault", when=(1, 2)),
        Mapped("State.current", "event.soc_low", bit=3, level="critical"),
    ),
)


def test_signals_have_their_place_value_and_field_and_alarms_their_event() -> None:
    assert fields_of(PROTOCOL).splitlines() == [
        "",
        "**State**",
        "",
        "| signal | where | value | fills | mark |",
        "| --- | --- | --- | --- | --- |",
        "| `current` | byte 1 | 0.1 x raw - 3000, A; 65535 absent | `battery.current_a` |  |",
        "| `cell1` |  |  | `cells.v001` | single source |",
        "| `cell2` |  |  | `cells.v002` | single source |",
        "| … | | | | |",
        "| `cell5` |  |  | `cells.v005` | single source |",
        "",
        "**About**",
        "",
        "No values: what it says identifies the device.",
        "",
        "| alarm | when | event | level |",
        "| --- | --- | --- | --- |",
        "| `current` | is 1, 2 | `sensor_fault` | warning |",
        "| `current` | bit 3 | `soc_low` | critical |",
        "",
    ]

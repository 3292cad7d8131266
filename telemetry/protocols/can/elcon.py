"""Elcon and TC chargers of the classic generation: the vehicle's command, and a status of five flags.

Sources: the maker's page of commands and specification of 2019, a firmware header, open firmwares;
docs/protocols/elcon.md says which field is how certain. Bytes and bits are counted from 0, as there.
"""

from collections.abc import Sequence

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal
from telemetry.protocols.values import Mapped

COMMAND_ID, STATUS_ID = 0x1806E5F4, 0x18FF50E5
_ALL_BUT_PRIORITY = 0x03FFFFFF


def tenths(name: str, byte: int, unit: str) -> CanSignal:
    """Return the signal of two bytes, the high one first."""
    return CanSignal(name, 8 * byte + 7, 16, factor=0.1, unit=unit)


def bits(
    name: str,
    byte: int,
    bit: int,
    bit_count: int = 1,
    words: tuple[tuple[int, str], ...] = (),
    *,
    mark: str = "",
) -> CanSignal:
    """Return the signal of some bits of one byte."""
    return CanSignal(name, 8 * byte + bit, bit_count, little_endian=True, words=words, mark=mark)


_COMMAND = CanMessage(
    "ElconCommand",
    "battery to charger",
    (COMMAND_ID,),
    (
        tenths("voltage_v", 0, "V"),
        tenths("current_a", 2, "A"),
        CanSignal("control", 32, 8, little_endian=True, words=((0, "charge"), (1, "stop"))),
        CanSignal("mode", 40, 8, little_endian=True, words=((0, "charge"),)),
    ),
    _ALL_BUT_PRIORITY,
)
_MAPPED = (
    Mapped("ElconCommand.voltage_v", "charger.requested_voltage_v"),
    Mapped("ElconCommand.current_a", "charger.requested_current_a"),
    Mapped("ElconStatus.voltage_v", "charger.voltage_v"),
    Mapped("ElconStatus.current_a", "charger.current_a"),
)


def elcon(name: str, title: str, status: Sequence[CanSignal], mapped: Sequence[Mapped]) -> CanProtocol:
    """Return one generation. status, mapped: what it has beside the output and the first two flags."""
    output = (tenths("voltage_v", 0, "V"), tenths("current_a", 2, "A"))
    flags = (bits("hardware_failure", 4, 0), bits("overtemperature", 4, 1))
    return CanProtocol(
        name=name,
        title=title,
        bit_rate=250_000,
        extended=True,
        called="Elcon",
        is_charger=True,
        messages=(
            _COMMAND,
            CanMessage(
                "ElconStatus",
                "charger's status",
                (STATUS_ID,),
                (*output, *flags, *status),
                _ALL_BUT_PRIORITY,
            ),
        ),
        mapped=(*_MAPPED, *mapped, alarm("receive_timeout", "communication_lost")),
    )


def alarm(flag: str, code: str, *values: int) -> Mapped:
    """Return a signal of the status that reports an event. values: those that mean it; none: 1."""
    return Mapped(f"ElconStatus.{flag}", f"event.{code}", when=values or (1,), tag="charger")


ELCON = elcon(
    "elcon",
    "Elcon and TC chargers, classic status",
    (
        bits("input_wrong", 4, 2),
        bits("battery_absent", 4, 3),
        bits("receive_timeout", 4, 4),
    ),
    (
        alarm("hardware_failure", "charger_fault"),
        alarm("overtemperature", "overtemperature"),
        alarm("input_wrong", "input_fault"),
    ),
)

"""What tables of serial devices share: signals by the byte where they begin, and meanings by usual names."""

import re
from collections.abc import Iterable

from telemetry.protocols.table import Mapped, Message, Signal

_NUMBER = re.compile("[0-9]+$")
_USUAL = {
    "voltage": "battery.voltage_v",
    "current": "battery.current_a",
    "soc": "battery.soc_pct",
    "soh": "battery.soh_pct",
    "remaining": "battery.remaining_ah",
    "capacity": "battery.capacity_ah",
    "rated": "battery.capacity_ah",
    "nominal": "battery.capacity_ah",
    "cycles": "battery.cycles",
    "ambient_temperature": "battery.temp_ambient_c",
    "balancer_temperature": "battery.temp_balancer_c",
    "mosfet_temperature": "battery.temp_switch_c",
    "switch_temperature": "battery.temp_switch_c",
    "charge_voltage_limit": "battery.charge_limit_v",
    "charge_current_limit": "battery.charge_limit_a",
    "discharge_current_limit": "battery.discharge_limit_a",
    "charge_switch": "battery.charge_enabled",
    "discharge_switch": "battery.discharge_enabled",
    "balancing": "battery.balancing",
    "balance_bits": "battery.balance_word",
    "balance_word": "battery.balance_word",
    "protection": "battery.protection_word",
    "temperature{n}": "cells.t{n}",
    "cell{n}": "cells.v{n}",
}
# What the bits of many boards mean in this order, in pairs or one by one.
VOLTAGE_ALARMS = ("cell_overvoltage", "cell_undervoltage", "pack_overvoltage", "pack_undervoltage")
TEMPERATURE_ALARMS = (
    "charge_overtemperature",
    "charge_undertemperature",
    "discharge_overtemperature",
    "discharge_undertemperature",
)


def unsigned(
    name: str,
    at: int,
    size: int = 2,
    *,
    factor: float = 1.0,
    offset: float = 0.0,
    little: bool = False,
    invalid: tuple[int, ...] = (),
    unit: str = "",
    mark: str = "",
) -> Signal:
    """Return a number of `size` bytes from byte `at` of the payload on, high byte first unless `little`."""
    return Signal(
        name,
        8 * at + (0 if little else 7),
        8 * size,
        little_endian=little,
        factor=factor,
        offset=offset,
        invalid=invalid,
        unit=unit,
        place=f"byte {at}",
        mark=mark,
    )


def flag(name: str, at: int, bit: int) -> Signal:
    """Return one bit of byte `at`, the lowest is 0."""
    return Signal(name, 8 * at + bit, 1, little_endian=True, place=f"byte {at}, bit {bit}")


def usual(*messages: Message) -> tuple[Mapped, ...]:
    """Return the fields that signals of a battery's messages fill by their names."""
    fields = {
        f"{message.name}.{name}": _USUAL[name]
        for message in messages
        for signal in message.signals
        for name in (signal.name, _NUMBER.sub("{n}", signal.name))
        if name in _USUAL
    }
    return tuple(Mapped(signal, to) for signal, to in fields.items())


def alarm_bits(
    signal: str, codes: Iterable[str | None], *, tag: str = "pack", level: str | None = None
) -> tuple[Mapped, ...]:
    """Return the alarms that a signal's bits mean, from the lowest; None: a bit that has no code."""
    return tuple(
        Mapped(signal, f"event.{code}", bit=bit, tag=tag, level=level)
        for bit, code in enumerate(codes)
        if code is not None
    )


def alarm_pairs(signal: str, codes: Iterable[str]) -> tuple[Mapped, ...]:
    """Return the alarms that a signal's pairs of bits mean, from the lowest pair.

    The lower bit of a pair is a warning, the other what the vocabulary has.
    """
    return tuple(
        Mapped(signal, f"event.{code}", bit=2 * pair + bit, level=level)
        for pair, code in enumerate(codes)
        for bit, level in enumerate(("warning", None))
    )

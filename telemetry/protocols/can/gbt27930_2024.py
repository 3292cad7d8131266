"""GB/T 27930.2-2024 on the same plug: the negotiation of its version, and short messages.

One source gives them. The listener reports that they are there. Currents have neither offset nor sign.
"""

from dataclasses import replace

from telemetry.protocols.can.gbt27930_fields import SINGLE, degrees, message, number, to_charger, to_vehicle
from telemetry.protocols.can.table import PDU1_MASK, CanMessage, CanSignal

_STOP_KINDS = ((1, "charge ends"), (2, "module timed out"), (3, "module failed"), (4, "check failed"))


def _short(code: str, title: str, ids: tuple[int, ...], *signals: CanSignal) -> CanMessage:
    """Return a message whose parameter group, in byte 1, says what else is there."""
    group = CanSignal("group", 0, 8, little_endian=True)
    said = (group, number("pgi", 1, 1), *signals)
    return CanMessage(code, title, ids, said, PDU1_MASK, selector="group", mark=SINGLE)


def _of_group(pgi: int, signal: CanSignal) -> CanSignal:
    return replace(signal, page=(pgi,))


NEGOTIATION = tuple(
    message(
        code,
        title,
        ids,
        number("can_type", 1, 1, words=((0, "CAN 2.0B"), (1, "CAN FD"), (2, "CAN XL"))),
        number("result", 2, 1, words=((0, "goes on"), (1, "agreed"), (2, "failed"))),
        number("version_major", 3, 1),
        number("version_minor", 4, 1),
        number("version_temporary", 5, 1),
        number("control_pilot_version", 6, 1),
        number("transport_version", 7, 1),
        mark=SINGLE,
    )
    for code, title, ids in (
        ("VNC", "charger negotiates the version", to_vehicle(3, 0x38)),
        ("VNB", "vehicle negotiates the version", to_charger(3, 0x39)),
    )
)
SHORT_MESSAGES = (  # of 2024: those whose places a source gives
    _short(
        "SMC",
        "charger's short message of 2024",
        to_vehicle(6, 0x36),
        _of_group(0x76, number("voltage_v", 2, 2, 0.1, unit="V")),
        _of_group(0x76, number("current_a", 4, 2, 0.1, unit="A")),
    ),
    _short(
        "SMV",
        "vehicle's short message of 2024",
        to_charger(6, 0x36),
        _of_group(0x73, number("requested_voltage_v", 2, 2, 0.1, unit="V")),
        _of_group(0x73, number("requested_current_a", 4, 2, 0.1, unit="A")),
        _of_group(0x73, number("mode", 6, 1)),
        _of_group(0x74, number("soc_pct", 2, 2, 0.1, unit="%")),
        _of_group(0x74, number("remaining_min", 4, 2, unit="min")),
        _of_group(0x77, number("max_cell_voltage_v", 2, 2, 0.01, unit="V")),
        _of_group(0x77, number("min_cell_voltage_v", 4, 2, 0.01, unit="V")),
        _of_group(0x77, degrees("max_temperature_c", 6)),
        _of_group(0x77, degrees("min_temperature_c", 7)),
    ),
    *(
        _short(
            code,
            title,
            ids,
            _of_group(pgi, number("stop_kind", 2, 1, words=_STOP_KINDS)),
            _of_group(pgi, number("stop_reasons", 3, 2)),
            _of_group(pgi, number("reconnect", 5, 1, words=((0xAA, "yes"),))),
        )
        for code, title, ids, pgi in (
            ("CMC", "charger's confirmed message of 2024", to_vehicle(4, 0x35), 0x03),
            ("CMV", "vehicle's confirmed message of 2024", to_charger(4, 0x35), 0x04),
        )
    ),
)

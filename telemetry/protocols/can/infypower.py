"""Infypower AC/DC and DC/DC modules, protocol V1.13: what modules answer, and what the host asks of them.

Sources: two open drivers, one with the manual's example frames. docs/protocols/infypower.md says which field
is how certain. Numbers are big endian; bytes and bits are counted from 0.
"""

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal, flags
from telemetry.protocols.values import Mapped

_CONTROLLER = 0xF0
_DEVICES = 0x0A, 0x0B  # a single module, a group
_FROM_ANY_MODULE = 0x03FFFF00  # without the error code in the three highest bits
_TO_ANY_MODULE = 0x03FF00FF
_MODULE = 0x0040003F  # which module answers; a group's number is 40 more, by the lowest bit of the device
_MODULE_ASKED = 0x00403F00
_SINGLE = "single source"


def _reply(code: str, title: str, command: int, *signals: CanSignal, mark: str = "C2") -> CanMessage:
    ids = tuple(device << 22 | command << 16 | _CONTROLLER << 8 for device in _DEVICES)
    return CanMessage(code, title, ids, signals, _FROM_ANY_MODULE, _MODULE, mark=mark)


def _number(name: str, byte: int, byte_count: int, factor: float, unit: str) -> CanSignal:
    return CanSignal(name, 8 * byte + 7, 8 * byte_count, factor=factor, unit=unit)


def _float(name: str, byte: int, unit: str) -> CanSignal:
    return CanSignal(name, 8 * byte + 7, 32, is_float=True, unit=unit)


INFYPOWER = CanProtocol(
    name="infypower",
    title="Infypower power modules",
    bit_rate=125_000,
    extended=True,
    called="Infypower",
    is_charger=True,
    messages=(
        _reply(
            "InfyOutput", "module's output", 0x03, _float("voltage_v", 0, "V"), _float("current_a", 4, "A")
        ),
        _reply(
            "InfyStatus",
            "module's status",
            0x04,
            CanSignal("ambient_temperature_c", 32, 8, little_endian=True, signed=True, unit="degC"),
            *flags(7, "output_short", None, None, None, "sleeping", "discharge_abnormal"),
            *flags(
                6,
                *("dc_side_off", "fault", "protection", "fan_fault"),
                *("over_temperature", "output_overvoltage", "walk_in", "communication_lost"),
            ),
            *flags(
                5,
                *("power_limited", "address_conflict", "load_sharing", "phase_lost"),
                *("phases_unbalanced", "input_undervoltage", "input_overvoltage", "pfc_off"),
            ),
            mark=_SINGLE,
        ),
        _reply(
            "InfyInput",
            "module's input",
            0x06,
            _number("voltage_ab_v", 0, 2, 0.1, "V"),
            _number("voltage_bc_v", 2, 2, 0.1, "V"),
            _number("voltage_ca_v", 4, 2, 0.1, "V"),
        ),
        _reply(
            "InfyExternal",
            "voltage outside, and current that there could be",
            0x0C,
            _number("voltage_v", 0, 2, 0.1, "V"),
            _number("available_current_a", 2, 2, 0.1, "A"),
        ),
        CanMessage(
            "InfySetting",
            "what modules are to give",
            tuple(device << 22 | 0x1C << 16 | _CONTROLLER for device in _DEVICES),
            (_number("voltage_v", 0, 4, 0.001, "V"), _number("current_a", 4, 4, 0.001, "A")),
            _TO_ANY_MODULE,
            _MODULE_ASKED,
        ),
    ),
    mapped=(
        Mapped("InfyOutput.voltage_v", "charger.voltage_v"),
        Mapped("InfyOutput.current_a", "charger.current_a"),
        Mapped("InfySetting.voltage_v", "charger.requested_voltage_v"),
        Mapped("InfySetting.current_a", "charger.requested_current_a"),
        Mapped("InfyStatus.ambient_temperature_c", "charger.temp_c"),
        Mapped("InfyStatus.fault", "event.charger_fault", when=(1,), tag="charger"),
        Mapped("InfyStatus.output_short", "event.short_circuit", when=(1,), tag="charger"),
        Mapped("InfyStatus.over_temperature", "event.overtemperature", when=(1,), tag="charger"),
        Mapped("InfyStatus.input_undervoltage", "event.input_fault", when=(1,), tag="charger"),
        Mapped("InfyStatus.input_overvoltage", "event.input_fault", when=(1,), tag="charger"),
    ),
)

"""What single messages say of a session: station, battery, vehicle, limits. By protocol.

A row that the follower reports becomes facts, by the names that `charging_session` has for them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from telemetry_core.rows.spec import RecordSpec

from telemetry.charging.outcome import ANSWERS, NEW_IN_2023

Values = Mapping[str, Any]
Facts = dict[str, Any]

BATTERY_TYPES = {
    1: "lead-acid",
    2: "NiMH",
    3: "LFP",
    4: "LMO",
    5: "LCO",
    6: "NCM/NCA",
    7: "Li-polymer",
    8: "LTO",
    255: "other",
}
_CHINA = timezone(timedelta(hours=8))
_NO_NUMBER = (0, 0xFF)  # of a charger of 2011
_FEW_DIGITS = 0xFFFFFF00  # a charger of 2011 has one byte, and fills the others


def physical(record: RecordSpec, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row, of its raw slots."""
    specs = {field.name: field for field in record.fields}
    return {name: _scaled(specs[name], value) for name, value in raw.items()}


def _scaled(spec: Any, value: Any) -> Any:
    if isinstance(value, str | bool):
        return value
    if spec.scale is not None:
        return (value * spec.scale.multiplier + spec.scale.bias) / 10**spec.scale.decimals
    return value * spec.factor + spec.offset


def _crm(values: Values, _: int) -> Facts:
    number, region = values.get("charger_number"), values.get("region")
    if number and int(number) & _FEW_DIGITS == _FEW_DIGITS:
        number = int(number) & 0xFF
    return {"station": f"{int(number)}" if number else region or None}


def _brm(values: Values, _: int) -> Facts:
    serial = values.get("pack_serial")
    battery_type = values.get("battery_type")
    return {
        "maker": values.get("manufacturer") or None,
        "pack_serial": None if serial is None else int(serial),
        "rated_ah": values.get("rated_capacity_ah"),
        "battery_type": None if battery_type is None else BATTERY_TYPES.get(int(battery_type)),
        "raw_vin": values.get("vin") or None,
        "has_brm": True,
    }


def _bcp(values: Values, _: int) -> Facts:
    return {"start_soc_pct": values.get("soc_pct"), "configured_soc_pct": values.get("soc_pct")}


def _cml(values: Values, _: int) -> Facts:
    current_a = values.get("max_current_a")
    return {
        "max_voltage_v": values.get("max_voltage_v"),
        "max_current_a": None if current_a is None else abs(current_a),
    }


def _cts(values: Values, time_ns: int) -> Facts:
    """Take the station's clock, which has no zone, as local time in China."""
    names = ("year", "month", "day", "hour", "minute", "second")
    if not all(name in values for name in names):
        return {}
    try:
        year, month, day, hour, minute, second = (int(values[name]) for name in names)
        station_time = datetime(year, month, day, hour, minute, second, tzinfo=_CHINA)
    except ValueError:
        return {}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {"station_clock_offset_s": (station_time - epoch) / timedelta(seconds=1) - time_ns / 1e9}


def _bsd(values: Values, _: int) -> Facts:
    return {"end_soc_pct": values.get("soc_pct")}


def _csd(values: Values, _: int) -> Facts:
    energy_kwh = values.get("energy_kwh")
    return {"station_energy_wh": None if energy_kwh is None else energy_kwh * 1000}


def _cha108(values: Values, _: int) -> Facts:
    return {
        "max_voltage_v": values.get("available_voltage_v"),
        "max_current_a": values.get("available_current_a"),
    }


_OF_ROWS: Mapping[str, Callable[[Values, int], Facts]] = {
    "chademo_CHA108": _cha108,
    "gbt27930_CRM": _crm,
    "gbt27930_BRM": _brm,
    "gbt27930_BCP": _bcp,
    "gbt27930_CML": _cml,
    "gbt27930_CTS": _cts,
    "gbt27930_BSD": _bsd,
    "gbt27930_CSD": _csd,
}


def facts(record: RecordSpec, raw: Mapping[str, Any], time_ns: int) -> Facts:
    """Return what the row says; a fact that is None is not known."""
    found = _OF_ROWS.get(record.measurement)
    return found(physical(record, raw), time_ns) if found else {}


def words(record: RecordSpec, raw: Mapping[str, Any]) -> str:
    """Return all values of a row, for people: `version 2.0, result 1`."""
    values = physical(record, raw).items()
    return ", ".join(
        f"{name.replace('_', ' ')} {value if isinstance(value, str) else f'{value:g}'}"
        for name, value in values
    )


def edition(is_old: bool | None, names: Sequence[str]) -> str | None:
    """Return the edition of GB/T 27930 that a session has shown; None: nothing has shown it.

    is_old: whether messages are those of the oldest edition; names: of the signals of its stops and errors.
    """
    if is_old:
        return "2011"
    if NEW_IN_2023 & set(names):
        return "2023"
    return "2015" if is_old is False or not ANSWERS.keys().isdisjoint(names) else None


def station_in(edition_: str | None, station: str | None) -> str | None:
    """Return the station's number as the session's edition has it.

    In 2011 it is one byte of CRM, and the next three are the region's, a text.
    """
    if edition_ != "2011" or not (station or "").isdecimal():
        return station
    number = int(station or 0)
    region = (number >> 8).to_bytes(4, "little")[:3]
    if not all(0x20 <= byte < 0x7F for byte in region):
        return station
    return str(number & 0xFF) if number & 0xFF not in _NO_NUMBER else region.decode().strip() or None

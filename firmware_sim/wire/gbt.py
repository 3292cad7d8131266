"""The messages of GB/T 27930 between a DC charger and a vehicle, as bytes: identifiers and payloads.

Editions 2011, 2015 and 2023. Written from the standard's tables and from public captures, apart from the
decoder's tables in `telemetry/`, so that each checks the other. Current is positive into the battery; on the
wire it is negative, with an offset of -400 A.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from firmware_sim.units import MS_NS
from firmware_sim.wire.j1939 import frame_id

CHARGER, VEHICLE = 0x56, 0xF4  # addresses
READY, NOT_READY = 0xAA, 0x00  # of BRO and CRO, and of CRM's result

_MAX_MINUTES = 600  # a longer remaining time is sent as this


class Edition(IntEnum):
    """Of the standard."""

    Y2011 = 2011
    Y2015 = 2015
    Y2023 = 2023


@dataclass(frozen=True, slots=True)
class GbtMessage:
    """How a message travels."""

    code: str
    pgn: int
    priority: int
    by_charger: bool
    period_ns: int

    def id(self, edition: Edition) -> int:
        """Return its identifier, with CAN_EFF_FLAG; 2011 sends long messages at another priority."""
        priority = 6 if edition is Edition.Y2011 and self.priority == 7 else self.priority
        ends = (VEHICLE, CHARGER) if self.by_charger else (CHARGER, VEHICLE)
        return frame_id(self.pgn, priority, *ends)


MESSAGES = {
    message.code: message
    for message in (
        GbtMessage("CHM", 0x2600, 6, True, 250 * MS_NS),
        GbtMessage("BHM", 0x2700, 6, False, 250 * MS_NS),
        GbtMessage("CRM", 0x0100, 6, True, 250 * MS_NS),
        GbtMessage("BRM", 0x0200, 7, False, 250 * MS_NS),
        GbtMessage("BCP", 0x0600, 7, False, 500 * MS_NS),
        GbtMessage("CTS", 0x0700, 6, True, 500 * MS_NS),
        GbtMessage("CML", 0x0800, 6, True, 250 * MS_NS),
        GbtMessage("BRO", 0x0900, 4, False, 250 * MS_NS),
        GbtMessage("CRO", 0x0A00, 4, True, 250 * MS_NS),
        GbtMessage("BCL", 0x1000, 6, False, 50 * MS_NS),
        GbtMessage("BCS", 0x1100, 7, False, 250 * MS_NS),
        GbtMessage("CCS", 0x1200, 6, True, 50 * MS_NS),
        GbtMessage("BSM", 0x1300, 6, False, 250 * MS_NS),
        GbtMessage("BMV", 0x1500, 7, False, 10_000 * MS_NS),
        GbtMessage("BMT", 0x1600, 7, False, 10_000 * MS_NS),
        GbtMessage("BSP", 0x1700, 7, False, 10_000 * MS_NS),
        GbtMessage("BST", 0x1900, 4, False, 10 * MS_NS),
        GbtMessage("CST", 0x1A00, 4, True, 10 * MS_NS),
        GbtMessage("BSD", 0x1C00, 6, False, 250 * MS_NS),
        GbtMessage("CSD", 0x1D00, 6, True, 250 * MS_NS),
        GbtMessage("BEM", 0x1E00, 2, False, 250 * MS_NS),
        GbtMessage("CEM", 0x1F00, 2, True, 250 * MS_NS),
    )
}
BSP = b"\xff" * 16  # reserved bytes, without a value
LONG = ("BRM", "BCP", "BCS", "BMV", "BMT", "BSP")  # more than 8 bytes, by transport
OFFER_2024_ID = frame_id(
    0x3800, 3, VEHICLE, CHARGER
)  # version negotiation of GB/T 27930.2-2024, by the charger
ANSWER_2024_ID = frame_id(0x3900, 3, CHARGER, VEHICLE)  # and by the vehicle
GOES_ON, AGREED, FAILED = 0, 1, 2  # its result
CODES = {(message.pgn, message.by_charger): message.code for message in MESSAGES.values()}


def _two_bits_each(*by_byte: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return where fields begin, four in a byte: byte from 1, bit from 1. 01 is yes."""
    return {name: (byte, 1 + 2 * n) for byte, names in enumerate(by_byte, 1) for n, name in enumerate(names)}


BST_BITS = _two_bits_each(
    ("soc_reached", "voltage_reached", "cell_voltage_reached", "charger_stopped"),
    ("insulation_fault", "connector_overtemperature", "component_overtemperature", "connector_fault"),
    ("battery_overtemperature", "relay_fault", "cc2_fault", "other_fault"),
    ("current_too_high", "voltage_abnormal", "parameter_mismatch"),
)
BST_BITS_2011 = {
    **{name: at for name, at in BST_BITS.items() if at < (3, 3) and name != "charger_stopped"},
    "other_fault": (3, 3),
    "current_too_high": (4, 1),
    "voltage_abnormal": (4, 3),
}
CST_BITS = _two_bits_each(
    ("condition_reached", "stopped_by_person", "fault", "vehicle_stopped"),
    ("charger_overtemperature", "connector_fault", "internal_overtemperature", "energy_not_deliverable"),
    ("emergency_stop", "other_fault", "self_check_fault", "precharge_fault"),
    ("current_mismatch", "voltage_abnormal", "parameter_mismatch"),
)
CST_BITS_2011 = {
    name: at
    for name, at in CST_BITS.items()
    if name not in ("vehicle_stopped", "self_check_fault", "precharge_fault", "parameter_mismatch")
}
BEM_BITS = _two_bits_each(
    ("crm_00_timeout", "crm_aa_timeout"),
    ("cts_cml_timeout", "cro_timeout"),
    ("ccs_timeout", "cst_timeout"),
    ("csd_timeout",),
)
CEM_BITS = _two_bits_each(
    ("brm_timeout",),
    ("bcp_timeout", "bro_timeout"),
    ("bcs_timeout", "bcl_timeout", "bst_timeout"),
    ("bsd_timeout", "bsm_timeout"),  # the second in 2023
)
_STATE_BITS = (
    *("cell_voltage_state", "soc_state", "current_state", "temperature_state"),
    *("insulation_state", "connector_state"),
)


def stop_bits(code: str, edition: Edition) -> Mapping[str, tuple[int, int]]:
    """Return the fields of BST or CST in this edition, by name."""
    if edition is Edition.Y2011:
        return BST_BITS_2011 if code == "BST" else CST_BITS_2011
    bits = BST_BITS if code == "BST" else CST_BITS
    if edition is Edition.Y2023:
        return bits
    added = ("self_check_fault", "precharge_fault", "parameter_mismatch")
    return {name: at for name, at in bits.items() if name not in added}


# --- payloads


def chm() -> bytes:
    """Return version 1.1, of 2015 and 2023."""
    return bytes((1, 1, 0))


def bhm(max_voltage_v: float) -> bytes:
    """Return the most that the insulation test may apply."""
    return _tenths(max_voltage_v)


def crm(recognised: bool, charger_number: int, region: bytes, edition: Edition) -> bytes:
    """Return CRM. `charger_number`: 32 bits; of 2011 1 to 100. `region`: three letters, of 2011 up to six."""
    result = bytes((READY if recognised else NOT_READY,))
    if edition is Edition.Y2011:
        return result + bytes((charger_number - 1,)) + region.ljust(6, b"\xff")
    return result + charger_number.to_bytes(4, "little") + region.ljust(3, b"\xff")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a vehicle says of itself and its battery."""

    vin: str = "LSIMGBT27930V0001"
    maker: bytes = b"SIMU"
    battery_type: int = 6  # NCM
    rated_ah: float = 178.0
    rated_v: float = 355.2
    pack_serial: int = 27930
    produced: tuple[int, int, int] | None = (2024, 6, 30)
    charge_count: int = 210
    owned: bool = True
    software: tuple[int, int, int, int] = (1, 30, 6, 2024)  # serial number, day, month, year


def brm(identity: Identity, edition: Edition) -> bytes:
    """Return 49 bytes; of 2011 41, without the software's date."""
    version = bytes((0, 1, 0)) if edition is Edition.Y2011 else bytes((1, 1, 0))
    if identity.produced is None:
        produced = b"\xff\xff\xff"
    else:
        year, month, day = identity.produced
        produced = bytes((year - 1985, month, day))
    serial, build_day, build_month, build_year = identity.software
    payload = (
        version
        + bytes((identity.battery_type,))
        + _tenths(identity.rated_ah)
        + _tenths(identity.rated_v)
        + identity.maker.ljust(4, b"\xff")
        + identity.pack_serial.to_bytes(4, "little")
        + produced
        + identity.charge_count.to_bytes(3, "little")
        + bytes((identity.owned, 0xFF))
        + identity.vin.encode("ascii").ljust(17, b"\xff")
    )
    if edition is Edition.Y2011:
        return payload
    software = bytes((serial, build_day, build_month)) + build_year.to_bytes(2, "little")
    return payload + software + b"\xff\xff\xff"


def bcp(
    *,
    max_cell_v: float,
    max_current_a: float,
    nominal_kwh: float,
    max_voltage_v: float,
    max_temperature_c: float,
    soc_pct: float,
    pack_v: float,
) -> bytes:
    """Return what the battery may take, and where it stands."""
    return (
        _hundredths(max_cell_v)
        + _amps(max_current_a)
        + _tenths(nominal_kwh)
        + _tenths(max_voltage_v)
        + _celsius(max_temperature_c)
        + _tenths(soc_pct)
        + _tenths(pack_v)
    )


def cts(local: datetime | None) -> bytes:
    """Return the charger's clock in packed BCD; None: all ones."""
    if local is None:
        return b"\xff" * 7
    century, year = divmod(local.year, 100)
    numbers = (local.second, local.minute, local.hour, local.day, local.month, year, century)
    return bytes(number // 10 << 4 | number % 10 for number in numbers)


def cml(max_voltage_v: float, min_voltage_v: float, max_a: float, min_a: float, edition: Edition) -> bytes:
    """Return the charger's range; 2011 has no lowest current."""
    payload = _tenths(max_voltage_v) + _tenths(min_voltage_v) + _amps(max_a)
    return payload if edition is Edition.Y2011 else payload + _amps(min_a)


def ready(is_ready: bool) -> bytes:
    """Return BRO or CRO."""
    return bytes((READY if is_ready else NOT_READY,))


def bcl(voltage_v: float, current_a: float, constant_voltage: bool) -> bytes:
    """Return what the vehicle asks for."""
    return _tenths(voltage_v) + _amps(current_a) + bytes((1 if constant_voltage else 2,))


def bcs(
    voltage_v: float,
    current_a: float,
    max_cell_v: float,
    group: int,
    soc_pct: float,
    remaining_min: float,
) -> bytes:
    """Return what the vehicle measures. `group` counts from 0."""
    return (
        _tenths(voltage_v)
        + _amps(current_a)
        + _cell(max_cell_v, group)
        + bytes((_limited(soc_pct, 100),))
        + _limited(remaining_min, _MAX_MINUTES).to_bytes(2, "little")
    )


def ccs(voltage_v: float, current_a: float, charged_min: float, permitted: bool, edition: Edition) -> bytes:
    """Return what the charger gives; 2011 has no permission."""
    payload = _tenths(voltage_v) + _amps(current_a)
    payload += _limited(int(charged_min), _MAX_MINUTES).to_bytes(2, "little")
    return payload if edition is Edition.Y2011 else payload + bytes((0xFD if permitted else 0xFC, 0xFF))


def bsm(
    *,
    max_cell: int,
    max_temp_c: float,
    max_temp_point: int,
    min_temp_c: float,
    min_temp_point: int,
    states: Mapping[str, int],
    permitted: bool,
) -> bytes:
    """Return the battery's state. Cells and points count from 1; a state that is not named is 0, normal."""
    bits = 0b11 << 14 | permitted << 12
    for at, name in enumerate(_STATE_BITS):
        bits |= (states.get(name, 0) & 3) << 2 * at
    return (
        bytes((max_cell - 1 & 0xFF,))
        + _celsius(max_temp_c)
        + bytes((max_temp_point - 1,))
        + _celsius(min_temp_c)
        + bytes((min_temp_point - 1,))
        + bits.to_bytes(2, "little")
    )


def bmv(cells_v: Sequence[float]) -> bytes:
    """Return every cell's voltage, 256 at most."""
    return b"".join(_cell(cell_v, 0) for cell_v in cells_v[:256])


def bmt(temperatures_c: Iterable[float]) -> bytes:
    """Return every measuring point's temperature."""
    return b"".join(_celsius(temperature_c) for temperature_c in temperatures_c)


def stop(code: str, names: Iterable[str], edition: Edition) -> bytes:
    """Return BST or CST, with 01 at these fields, 00 at the others and 1 in unused bits.

    A name that this edition lacks is sent as its `other_fault`.
    """
    fields = stop_bits(code, edition)
    known = {name if name in fields else "other_fault" for name in names}
    return _flags(fields, known, 4)


def error(code: str, names: Iterable[str]) -> bytes:
    """Return BEM or CEM, with 01 at these time-outs."""
    return _flags(BEM_BITS if code == "BEM" else CEM_BITS, set(names), 4, absent=("bsm_timeout",))


def bsd(soc_pct: float, min_cell_v: float, max_cell_v: float, min_temp_c: float, max_temp_c: float) -> bytes:
    """Return the vehicle's summary."""
    return (
        bytes((_limited(soc_pct, 100),))
        + _hundredths(min_cell_v)
        + _hundredths(max_cell_v)
        + _celsius(min_temp_c)
        + _celsius(max_temp_c)
    )


def csd(charged_min: float, energy_kwh: float, charger_number: int, edition: Edition) -> bytes:
    """Return the charger's summary; of 2011 5 bytes, its number with an offset of 1."""
    payload = _limited(int(charged_min), 0xFFFE).to_bytes(2, "little") + _tenths(energy_kwh)
    if edition is Edition.Y2011:
        return payload + bytes((charger_number - 1,))
    return payload + charger_number.to_bytes(4, "little")


def negotiation(result: int, version: tuple[int, int, int]) -> bytes:
    """Return a frame of the version negotiation of 2024, over CAN 2.0B."""
    return bytes((0, result, *version, 1, 1, 0xFF))


# --- what one end reads of the other


def tenths(payload: bytes, at: int) -> float:
    """Return the number at byte `at`, from 1, in tenths."""
    return int.from_bytes(payload[at - 1 : at + 1], "little") / 10.0


def amps(payload: bytes, at: int) -> float:
    """Return the current at byte `at`, from 1, positive into the battery."""
    return 400.0 - tenths(payload, at)


def two_bits(payload: bytes, at: tuple[int, int]) -> int:
    """Return the two bits that begin at (byte, bit), both from 1; 3, absent, beyond the payload's end."""
    byte, bit = at
    return payload[byte - 1] >> (bit - 1) & 3 if byte <= len(payload) else 3


def _flags(
    fields: Mapping[str, tuple[int, int]], names: set[str], size: int, absent: Iterable[str] = ()
) -> bytes:
    payload = bytearray(b"\xff" * size)
    for name, (byte, bit) in fields.items():
        if name in absent and name not in names:
            continue
        payload[byte - 1] &= ~(3 << bit - 1) & 0xFF
        payload[byte - 1] |= (name in names) << bit - 1
    return bytes(payload)


def _limited(value: float, most: int) -> int:
    return min(max(round(value), 0), most)


def _tenths(value: float) -> bytes:
    return _limited(10.0 * value, 0xFFFE).to_bytes(2, "little")


def _hundredths(value: float) -> bytes:
    return _limited(100.0 * value, 0xFFFE).to_bytes(2, "little")


def _amps(charging_a: float) -> bytes:
    return _tenths(400.0 - charging_a)


def _celsius(value: float) -> bytes:
    return bytes((_limited(value + 50.0, 0xFE),))


def _cell(cell_v: float, group: int) -> bytes:
    """Return 12 bits of voltage and 4 of the group. 2011 counts groups from 1, and sends the same bits."""
    return (_limited(100.0 * cell_v, 0xFFE) | (group & 0xF) << 12).to_bytes(2, "little")

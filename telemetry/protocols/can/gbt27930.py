"""GB/T 27930: what DC charger and vehicle say to each other over the charging plug, editions 2011 to 2023.

Sources: GB/T 27930-2011 for layouts with the mark STD, transcripts of the edition of 2015 and captures for
the rest. docs/protocols/gbt27930.md says which. Bytes and bits of this table are counted from 1, as there.
"""

from dataclasses import replace

from telemetry.protocols.can.table import PDU1_MASK, CanMessage, CanProtocol, CanSignal
from telemetry.protocols.table import Mapped

CHARGER, VEHICLE, EVERYONE = 0x56, 0xF4, 0xFF
MOST_CELLS, MOST_SENSORS, MOST_RESERVED, MOST_FAULTS = 256, 128, 16, 32

_CURRENT_OFFSET_A = -400.0
_TEMPERATURE_OFFSET_C = -50.0
_SINGLE = "single source"
_READY = ((0x00, "not ready"), (0xAA, "ready"))
_STATE = ((0, "normal"), (1, "abnormal"), (2, "not trusted"))
_LIMITS = ((0, "normal"), (1, "too high"), (2, "too low"))
_REASON = ((0, "no"), (1, "yes"), (2, "not trusted"))
_TIMEOUT = ((0, "in time"), (1, "timed out"), (2, "not trusted"))
_STOP_KINDS = ((1, "charge ends"), (2, "module timed out"), (3, "module failed"), (4, "check failed"))
_BATTERY_TYPES = (
    (1, "lead-acid"),
    (2, "NiMH"),
    (3, "LFP"),
    (4, "LMO"),
    (5, "LCO"),
    (6, "NCM or NCA"),
    (7, "lithium polymer"),
    (8, "LTO"),
    (0xFF, "other"),
)


def _number(
    name: str,
    byte: int,
    byte_count: int,
    factor: float = 1.0,
    offset: float = 0.0,
    unit: str = "",
    words: tuple[tuple[int, str], ...] = (),
    *,
    optional: bool = False,
    mark: str = "",
) -> CanSignal:
    """Whole bytes; all ones are no value."""
    return CanSignal(
        name,
        8 * (byte - 1),
        8 * byte_count,
        little_endian=True,
        factor=factor,
        offset=offset,
        invalid=((1 << 8 * byte_count) - 1,),
        unit=unit,
        words=words,
        optional=optional,
        mark=mark,
    )


def _bits(
    name: str,
    byte: int,
    bit: int,
    bit_count: int = 2,
    words: tuple[tuple[int, str], ...] = (),
    *,
    factor: float = 1.0,
    unit: str = "",
    optional: bool = False,
    mark: str = "",
) -> CanSignal:
    return CanSignal(
        name,
        8 * (byte - 1) + bit - 1,
        bit_count,
        little_endian=True,
        factor=factor,
        invalid=((1 << bit_count) - 1,),
        unit=unit,
        words=words,
        optional=optional,
        mark=mark,
    )


def _volts(name: str, byte: int) -> CanSignal:
    return _number(name, byte, 2, 0.1, unit="V")


def _amperes(name: str, byte: int) -> CanSignal:
    return _number(name, byte, 2, 0.1, _CURRENT_OFFSET_A, "A")


def _cell_volts(name: str, byte: int) -> CanSignal:
    return _number(name, byte, 2, 0.01, unit="V")


def _degrees(name: str, byte: int, *, optional: bool = False) -> CanSignal:
    return _number(name, byte, 1, 1.0, _TEMPERATURE_OFFSET_C, "degC", optional=optional)


def _percent(name: str, byte: int) -> CanSignal:
    return _number(name, byte, 1, unit="%")


def _text(name: str, byte: int, characters: int) -> CanSignal:
    return CanSignal(name, 8 * (byte - 1), 8 * characters, little_endian=True, is_text=True)


def _within(
    name: str, byte: int, byte_count: int, low: int, high: int, offset: float = 0.0, *, optional: bool = False
) -> CanSignal:
    """Part of a date: a raw value out of its range is no value."""
    return CanSignal(
        name,
        8 * (byte - 1),
        8 * byte_count,
        little_endian=True,
        offset=offset,
        valid=(low, high),
        optional=optional,
    )


def _digits(name: str, byte: int, byte_count: int, low: int, high: int) -> CanSignal:
    return CanSignal(name, 8 * (byte - 1), 8 * byte_count, little_endian=True, is_bcd=True, valid=(low, high))


def _twos(
    words: tuple[tuple[int, str], ...], *places: tuple[str, int, int], mark: str = ""
) -> tuple[CanSignal, ...]:
    """Fields of two bits: name, byte, bit."""
    return tuple(_bits(name, byte, bit, 2, words, mark=mark) for name, byte, bit in places)


def _group() -> CanSignal:
    """The parameter group, which says what else is there."""
    return CanSignal("group", 0, 8, little_endian=True)


def _of_group(pgi: int, signal: CanSignal) -> CanSignal:
    return replace(signal, page=(pgi,))


def _to_vehicle(priority: int, pdu_format: int) -> tuple[int, ...]:
    return _ids(priority, pdu_format, VEHICLE, CHARGER)


def _to_charger(priority: int, pdu_format: int) -> tuple[int, ...]:
    return _ids(priority, pdu_format, CHARGER, VEHICLE)


def _ids(priority: int, pdu_format: int, destination: int, sender: int) -> tuple[int, ...]:
    """Of that destination, and of everyone: some nodes send so."""
    return tuple(priority << 26 | pdu_format << 16 | each << 8 | sender for each in (destination, EVERYONE))


def _message(
    code: str,
    title: str,
    ids: tuple[int, ...],
    signals: tuple[CanSignal, ...],
    *,
    together: tuple[tuple[str, ...], ...] = (),
    mark: str = "CAP",
) -> CanMessage:
    return CanMessage(code, title, ids, signals, PDU1_MASK, together=together, mark=mark)


def _cells() -> tuple[CanSignal, ...]:
    """Voltage and group of each cell: bits 1 to 12 and 13 to 16 of two bytes."""
    return tuple(
        signal
        for cell in range(1, MOST_CELLS + 1)
        for signal in (
            _bits(f"v{cell:03}", 2 * cell - 1, 1, 12, factor=0.01, unit="V", optional=True),
            _bits(f"group{cell:03}", 2 * cell - 1, 13, 4, optional=True),
        )
    )


def _faults(first_byte: int = 1) -> tuple[CanSignal, ...]:
    """What DM1 and DM2 say of each fault, four bytes each."""
    return tuple(
        signal
        for fault in range(1, MOST_FAULTS + 1)
        for signal in (
            _bits(f"spn{fault:02}", first_byte + 4 * (fault - 1), 1, 19, optional=fault > 1),
            _bits(f"fmi{fault:02}", first_byte + 4 * (fault - 1) + 2, 4, 5, optional=fault > 1),
            _bits(f"occurrences{fault:02}", first_byte + 4 * (fault - 1) + 3, 1, 7, optional=fault > 1),
        )
    )


def _diagnostic(code: str, title: str, pdu_format: int, signals: tuple[CanSignal, ...]) -> CanMessage:
    """Of the informative annex, sent by either side."""
    ids = _to_vehicle(6, pdu_format) + _to_charger(6, pdu_format)
    return _message(code, title, ids, signals, mark="STD")


_RECOGNITION = (
    _message(
        "CHM",
        "charger handshake",
        _to_vehicle(6, 0x26),
        (_number("version_minor", 1, 1), _number("version_major", 2, 2)),
    ),
    _message("BHM", "vehicle handshake", _to_charger(6, 0x27), (_volts("max_voltage_v", 1),)),
    _message(
        "CRM",
        "charger recognition",
        _to_vehicle(6, 0x01),
        (
            _number("recognition", 1, 1, words=((0x00, "not recognised"), (0xAA, "recognised"))),
            _number("charger_number", 2, 4),
            _text("region", 6, 3),
        ),
    ),
    _message(
        "BRM",
        "vehicle recognition",
        _to_charger(7, 0x02),
        (
            _number("version_minor", 1, 1),
            _number("version_major", 2, 2),
            CanSignal("battery_type", 24, 8, little_endian=True, words=_BATTERY_TYPES),
            _number("rated_capacity_ah", 5, 2, 0.1, unit="Ah"),
            _volts("rated_voltage_v", 7),
            _text("manufacturer", 9, 4),
            _number("pack_serial", 13, 4),
            _within("production_year", 17, 1, 0, 250, 1985.0),
            _within("production_month", 18, 1, 1, 12),
            _within("production_day", 19, 1, 1, 31),
            _number("charge_count", 20, 3),
            _number("ownership", 23, 1, words=((0, "leased"), (1, "owned"))),
            _text("vin", 25, 17),
            _number("software_serial", 42, 1, optional=True),
            _within("software_day", 43, 1, 1, 31, optional=True),
            _within("software_month", 44, 1, 1, 12, optional=True),
            _within("software_year", 45, 2, 2000, 2099, optional=True),
        ),
        together=(
            ("production_year", "production_month", "production_day"),
            ("software_day", "software_month", "software_year"),
        ),
    ),
)
_CONFIGURATION = (
    _message(
        "BCP",
        "battery's charging parameters",
        _to_charger(7, 0x06),
        (
            _cell_volts("max_cell_voltage_v", 1),
            _amperes("max_current_a", 3),
            _number("nominal_energy_kwh", 5, 2, 0.1, unit="kWh"),
            _volts("max_voltage_v", 7),
            _degrees("max_temperature_c", 9),
            _number("soc_pct", 10, 2, 0.1, unit="%"),
            _volts("pack_voltage_v", 12),
        ),
    ),
    _message(
        "CTS",
        "charger's time",
        _to_vehicle(6, 0x07),
        (
            _digits("second", 1, 1, 0, 59),
            _digits("minute", 2, 1, 0, 59),
            _digits("hour", 3, 1, 0, 23),
            _digits("day", 4, 1, 1, 31),
            _digits("month", 5, 1, 1, 12),
            _digits("year", 6, 2, 2000, 2099),
        ),
        together=(("second", "minute", "hour", "day", "month", "year"),),
    ),
    _message(
        "CML",
        "charger's limits",
        _to_vehicle(6, 0x08),
        (
            _volts("max_voltage_v", 1),
            _volts("min_voltage_v", 3),
            _amperes("max_current_a", 5),
            _amperes("min_current_a", 7),
        ),
    ),
    _message("BRO", "battery ready", _to_charger(4, 0x09), (_number("ready", 1, 1, words=_READY),)),
    _message("CRO", "charger ready", _to_vehicle(4, 0x0A), (_number("ready", 1, 1, words=_READY),)),
)
_CHARGING = (
    _message(
        "BCL",
        "battery's demand",
        _to_charger(6, 0x10),
        (
            _volts("voltage_v", 1),
            _amperes("current_a", 3),
            _number("mode", 5, 1, words=((1, "constant voltage"), (2, "constant current"))),
        ),
    ),
    _message(
        "BCS",
        "battery's charging status",
        _to_charger(7, 0x11),
        (
            _volts("voltage_v", 1),
            _amperes("current_a", 3),
            _bits("max_cell_voltage_v", 5, 1, 12, factor=0.01, unit="V"),
            _bits("max_cell_group", 5, 13, 4),
            _percent("soc_pct", 7),
            _number("remaining_min", 8, 2, unit="min"),
        ),
    ),
    _message(
        "CCS",
        "charger's charging status",
        _to_vehicle(6, 0x12),
        (
            _volts("voltage_v", 1),
            _amperes("current_a", 3),
            _number("charged_min", 5, 2, unit="min"),
            _bits("permitted", 7, 1, words=((0, "paused"), (1, "permitted")), optional=True),
        ),
    ),
    _message(
        "BSM",
        "battery's state",
        _to_charger(6, 0x13),
        (
            _number("max_cell_number", 1, 1, 1.0, 1.0),
            _degrees("max_temperature_c", 2),
            _number("max_temperature_point", 3, 1, 1.0, 1.0),
            _degrees("min_temperature_c", 4),
            _number("min_temperature_point", 5, 1, 1.0, 1.0),
            _bits("cell_voltage_state", 6, 1, words=_LIMITS),
            _bits("soc_state", 6, 3, words=_LIMITS),
            *_twos(
                _STATE,
                ("current_state", 6, 5),
                ("temperature_state", 6, 7),
                ("insulation_state", 7, 1),
                ("connector_state", 7, 3),
            ),
            _bits("permitted", 7, 5, words=((0, "forbidden"), (1, "permitted"))),
        ),
    ),
    _message("BMV", "cell voltages", _to_charger(7, 0x15), _cells(), mark="STD"),
    _message(
        "BMT",
        "temperatures",
        _to_charger(7, 0x16),
        tuple(_degrees(f"t{point:03}", point, optional=True) for point in range(1, MOST_SENSORS + 1)),
        mark="STD",
    ),
    _message(
        "BSP",
        "reserved",
        _to_charger(7, 0x17),
        tuple(_number(f"b{byte:02}", byte, 1, optional=True) for byte in range(1, MOST_RESERVED + 1)),
        mark="STD",
    ),
)
_END = (
    _message(
        "BST",
        "battery stops",
        _to_charger(4, 0x19),
        (
            *_twos(
                _REASON,
                ("soc_reached", 1, 1),
                ("voltage_reached", 1, 3),
                ("cell_voltage_reached", 1, 5),
                ("charger_stopped", 1, 7),
                ("insulation_fault", 2, 1),
                ("connector_overtemperature", 2, 3),
                ("component_overtemperature", 2, 5),
                ("connector_fault", 2, 7),
                ("battery_overtemperature", 3, 1),
                ("relay_fault", 3, 3),
                ("cc2_fault", 3, 5),
                ("other_fault", 3, 7),
                ("current_too_high", 4, 1),
                ("voltage_abnormal", 4, 3),
            ),
            _bits("parameter_mismatch", 4, 5, words=_REASON, mark="2023, C2"),
        ),
    ),
    _message(
        "CST",
        "charger stops",
        _to_vehicle(4, 0x1A),
        (
            *_twos(
                _REASON,
                ("condition_reached", 1, 1),
                ("stopped_by_person", 1, 3),
                ("fault", 1, 5),
                ("vehicle_stopped", 1, 7),
                ("charger_overtemperature", 2, 1),
                ("connector_fault", 2, 3),
                ("internal_overtemperature", 2, 5),
                ("energy_not_deliverable", 2, 7),
                ("emergency_stop", 3, 1),
                ("other_fault", 3, 3),
            ),
            _bits("self_check_fault", 3, 5, words=_REASON, mark="2023, C2"),
            _bits("precharge_fault", 3, 7, words=_REASON, mark="2023, C2"),
            *_twos(_REASON, ("current_mismatch", 4, 1), ("voltage_abnormal", 4, 3)),
            _bits("parameter_mismatch", 4, 5, words=_REASON, mark="2023, C2"),
        ),
    ),
    _message(
        "BSD",
        "battery's statistics",
        _to_charger(6, 0x1C),
        (
            _percent("soc_pct", 1),
            _cell_volts("min_cell_voltage_v", 2),
            _cell_volts("max_cell_voltage_v", 4),
            _degrees("min_temperature_c", 6),
            _degrees("max_temperature_c", 7),
        ),
    ),
    _message(
        "CSD",
        "charger's statistics",
        _to_vehicle(6, 0x1D),
        (
            _number("charged_min", 1, 2, unit="min"),
            _number("energy_kwh", 3, 2, 0.1, unit="kWh"),
            CanSignal(
                "charger_number", 32, 32, little_endian=True, invalid=(0xFFFFFFFF,), short_at=5
            ),  # the edition of 2011 has one byte of it
        ),
    ),
    _message(
        "BEM",
        "battery's error",
        _to_charger(2, 0x1E),
        _twos(
            _TIMEOUT,
            ("crm_00_timeout", 1, 1),
            ("crm_aa_timeout", 1, 3),
            ("cts_cml_timeout", 2, 1),
            ("cro_timeout", 2, 3),
            ("ccs_timeout", 3, 1),
            ("cst_timeout", 3, 3),
            ("csd_timeout", 4, 1),
        ),
    ),
    _message(
        "CEM",
        "charger's error",
        _to_vehicle(2, 0x1F),
        (
            *_twos(
                _TIMEOUT,
                ("brm_timeout", 1, 1),
                ("bcp_timeout", 2, 1),
                ("bro_timeout", 2, 3),
                ("bcs_timeout", 3, 1),
                ("bcl_timeout", 3, 3),
                ("bst_timeout", 3, 5),
                ("bsd_timeout", 4, 1),
            ),
            _bits("bsm_timeout", 4, 3, words=_TIMEOUT, mark="2023, single source"),
        ),
    ),
)
_EXTENSIONS = (  # of vendors, and the negotiation of 2024: the listener reports that they are there
    *(
        CanMessage(
            code,
            title,
            ids,
            (_number("current_limit_a", 1, 1, 100.0, unit="A"), _bits("guns", 2, 1, 4)),
            PDU1_MASK,
            mark=_SINGLE,
        )
        for code, title, ids in (
            ("CFC", "charger confirms functions", _to_vehicle(6, 0x30)),
            ("BFC", "battery confirms functions", _to_charger(6, 0x31)),
        )
    ),
    *(
        CanMessage(
            code,
            title,
            ids,
            (
                _number("can_type", 1, 1, words=((0, "CAN 2.0B"), (1, "CAN FD"), (2, "CAN XL"))),
                _number("result", 2, 1, words=((0, "goes on"), (1, "agreed"), (2, "failed"))),
                _number("version_major", 3, 1),
                _number("version_minor", 4, 1),
                _number("version_temporary", 5, 1),
                _number("control_pilot_version", 6, 1),
                _number("transport_version", 7, 1),
            ),
            PDU1_MASK,
            mark=_SINGLE,
        )
        for code, title, ids in (
            ("VNC", "charger negotiates the version", _to_vehicle(3, 0x38)),
            ("VNB", "vehicle negotiates the version", _to_charger(3, 0x39)),
        )
    ),
)
_SHORT_MESSAGES = (  # of 2024, by the parameter group in byte 1: those whose places a source gives
    CanMessage(
        "SMC",
        "charger's short message of 2024",
        _to_vehicle(6, 0x36),
        (
            _group(),
            _number("pgi", 1, 1),
            _of_group(0x76, _number("voltage_v", 2, 2, 0.1, unit="V")),
            _of_group(0x76, _number("current_a", 4, 2, 0.1, unit="A")),
        ),
        PDU1_MASK,
        selector="group",
        mark=_SINGLE,
    ),
    CanMessage(
        "SMV",
        "vehicle's short message of 2024",
        _to_charger(6, 0x36),
        (
            _group(),
            _number("pgi", 1, 1),
            _of_group(0x73, _number("requested_voltage_v", 2, 2, 0.1, unit="V")),
            _of_group(0x73, _number("requested_current_a", 4, 2, 0.1, unit="A")),
            _of_group(0x73, _number("mode", 6, 1)),
            _of_group(0x74, _number("soc_pct", 2, 2, 0.1, unit="%")),
            _of_group(0x74, _number("remaining_min", 4, 2, unit="min")),
            _of_group(0x77, _number("max_cell_voltage_v", 2, 2, 0.01, unit="V")),
            _of_group(0x77, _number("min_cell_voltage_v", 4, 2, 0.01, unit="V")),
            _of_group(0x77, _degrees("max_temperature_c", 6)),
            _of_group(0x77, _degrees("min_temperature_c", 7)),
        ),
        PDU1_MASK,
        selector="group",
        mark=_SINGLE,
    ),
    *(
        CanMessage(
            code,
            title,
            ids,
            (
                _group(),
                _number("pgi", 1, 1),
                _of_group(pgi, _number("stop_kind", 2, 1, words=_STOP_KINDS)),
                _of_group(pgi, _number("stop_reasons", 3, 2)),
                _of_group(pgi, _number("reconnect", 5, 1, words=((0xAA, "yes"),))),
            ),
            PDU1_MASK,
            selector="group",
            mark=_SINGLE,
        )
        for code, title, ids, pgi in (
            ("CMC", "charger's confirmed message of 2024", _to_vehicle(4, 0x35), 0x03),
            ("CMV", "vehicle's confirmed message of 2024", _to_charger(4, 0x35), 0x04),
        )
    ),
)
_DIAGNOSTICS = (
    _diagnostic("DM1", "present faults", 0x20, _faults()),
    _diagnostic("DM2", "earlier faults", 0x21, _faults()),
    _diagnostic("DM3", "ready", 0x22, (_number("present_faults", 1, 1), _number("earlier_faults", 2, 1))),
    _diagnostic("DM4", "clear present faults", 0x23, ()),
    _diagnostic("DM5", "clear earlier faults", 0x24, ()),
    _diagnostic(
        "DM6",
        "freeze frame",
        0x25,
        (
            _number("first_length", 1, 1),
            _bits("spn", 2, 1, 19),
            _bits("fmi", 4, 4, 5),
            _bits("occurrences", 5, 1, 7),
        ),
    ),
)

GBT27930 = CanProtocol(
    name="gbt27930",
    title="GB/T 27930, DC charger and vehicle",
    bit_rate=250_000,
    extended=True,
    messages=(
        *_RECOGNITION,
        *_CONFIGURATION,
        *_CHARGING,
        *_END,
        *_DIAGNOSTICS,
        *_EXTENSIONS,
        *_SHORT_MESSAGES,
    ),
    mapped=(
        Mapped("BCL.voltage_v", "charger.requested_voltage_v"),
        Mapped("BCL.current_a", "charger.requested_current_a", scale=-1.0),
        Mapped("CML.max_voltage_v", "charger.max_voltage_v"),
        Mapped("CML.max_current_a", "charger.max_current_a", scale=-1.0),
        Mapped("CCS.voltage_v", "charger.voltage_v"),
        Mapped("CCS.current_a", "charger.current_a", scale=-1.0),
        Mapped("BCS.voltage_v", "battery.voltage_v"),
        Mapped("BCS.current_a", "battery.current_a", scale=-1.0),
        Mapped("BCS.soc_pct", "battery.soc_pct"),
        Mapped("BCS.max_cell_voltage_v", "battery.cell_max_v"),
        Mapped("BSM.max_temperature_c", "battery.temp_max_c"),
        Mapped("BSM.min_temperature_c", "battery.temp_min_c"),
        Mapped("BSM.max_cell_number", "battery.cell_max_index"),
        Mapped("BMV.v{n}", "cells.v{n}"),
        Mapped("BMT.t{n}", "cells.t{n}"),
        Mapped("BRM.rated_capacity_ah", "battery.capacity_ah"),
        Mapped("BSM.cell_voltage_state", "event.cell_overvoltage", when=(1,)),
        Mapped("BSM.cell_voltage_state", "event.cell_undervoltage", when=(2,)),
        Mapped("BSM.temperature_state", "event.charge_overtemperature", when=(1,)),
        Mapped("BSM.current_state", "event.charge_overcurrent", when=(1,)),
        Mapped("BSM.soc_state", "event.soc_low", when=(2,)),
        Mapped("BSM.soc_state", "event.soc_high", when=(1,)),
        Mapped("BSM.insulation_state", "event.insulation_low", when=(1,)),
    ),
)

"""GB/T 27930: what DC charger and vehicle say to each other over the charging plug, editions 2011 to 2023.

Sources: GB/T 27930-2011 for layouts with the mark STD, transcripts of the edition of 2015 and captures for
the rest. docs/protocols/gbt27930.md says which. Bytes and bits of this table are counted from 1, as there.
"""

from dataclasses import replace

from telemetry_core.decode.spec import MessageSpec

from telemetry.framing.secrets import SERIAL_NUMBER, VIN
from telemetry.protocols.can.gbt27930_2024 import NEGOTIATION, SHORT_MESSAGES
from telemetry.protocols.can.gbt27930_fields import (
    CHARGER,
    SINGLE,
    VEHICLE,
    amperes,
    bits,
    cell_volts,
    degrees,
    digits,
    message,
    number,
    percent,
    states,
    text,
    to_charger,
    to_vehicle,
    volts,
    within,
)
from telemetry.protocols.can.table import PDU1_MASK, CanMessage, CanProtocol, CanSignal
from telemetry.protocols.values import Mapped

MOST_CELLS, MOST_SENSORS, MOST_RESERVED, MOST_FAULTS = 256, 128, 16, 32
_NEW_IN_2023 = "2023, C2"
_READY = ((0x00, "not ready"), (0xAA, "ready"))
_STATE = ((0, "normal"), (1, "abnormal"), (2, "not trusted"))
_LIMITS = ((0, "normal"), (1, "too high"), (2, "too low"))
_REASON = ((0, "no"), (1, "yes"), (2, "not trusted"))
_TIMEOUT = ((0, "in time"), (1, "timed out"), (2, "not trusted"))
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


def _cells() -> tuple[CanSignal, ...]:
    """Return voltage and group of each cell: bits 1 to 12 and 13 to 16 of two bytes."""
    return tuple(
        signal
        for cell in range(1, MOST_CELLS + 1)
        for signal in (
            bits(f"v{cell:03}", 2 * cell - 1, 1, 12, factor=0.01, unit="V", optional=True),
            bits(f"group{cell:03}", 2 * cell - 1, 13, 4, optional=True),
        )
    )


def _faults(first_byte: int = 1) -> tuple[CanSignal, ...]:
    """Return what DM1 and DM2 say of each fault, four bytes each."""
    return tuple(
        signal
        for fault in range(1, MOST_FAULTS + 1)
        for signal in (
            bits(f"spn{fault:02}", first_byte + 4 * (fault - 1), 1, 19, optional=fault > 1),
            bits(f"fmi{fault:02}", first_byte + 4 * (fault - 1) + 2, 4, 5, optional=fault > 1),
            bits(f"occurrences{fault:02}", first_byte + 4 * (fault - 1) + 3, 1, 7, optional=fault > 1),
        )
    )


def _diagnostic(code: str, title: str, pdu_format: int, *signals: CanSignal) -> CanMessage:
    """Return a message of the informative annex, which either side sends."""
    ids = to_vehicle(6, pdu_format) + to_charger(6, pdu_format)
    return message(code, title, ids, *signals, mark="STD")


_RECOGNITION = (
    message(
        "CHM",
        "charger handshake",
        to_vehicle(6, 0x26),
        number("version_minor", 1, 1),
        number("version_major", 2, 2),
    ),
    message("BHM", "vehicle handshake", to_charger(6, 0x27), volts("max_voltage_v", 1)),
    message(
        "CRM",
        "charger recognition",
        to_vehicle(6, 0x01),
        number("recognition", 1, 1, words=((0x00, "not recognised"), (0xAA, "recognised"))),
        number("charger_number", 2, 4, secret=SERIAL_NUMBER),
        text("region", 6, 3),
    ),
    message(
        "BRM",
        "vehicle recognition",
        to_charger(7, 0x02),
        number("version_minor", 1, 1),
        number("version_major", 2, 2),
        CanSignal("battery_type", 24, 8, little_endian=True, words=_BATTERY_TYPES),
        number("rated_capacity_ah", 5, 2, 0.1, unit="Ah"),
        volts("rated_voltage_v", 7),
        text("manufacturer", 9, 4),
        number("pack_serial", 13, 4, secret=SERIAL_NUMBER),
        within("production_year", 17, 1, 0, 250, 1985.0),
        within("production_month", 18, 1, 1, 12),
        within("production_day", 19, 1, 1, 31),
        number("charge_count", 20, 3),
        number("ownership", 23, 1, words=((0, "leased"), (1, "owned"))),
        text("vin", 25, 17, secret=VIN),
        number("software_serial", 42, 1, optional=True),
        within("software_day", 43, 1, 1, 31, optional=True),
        within("software_month", 44, 1, 1, 12, optional=True),
        within("software_year", 45, 2, 2000, 2099, optional=True),
        together=(
            ("production_year", "production_month", "production_day"),
            ("software_day", "software_month", "software_year"),
        ),
    ),
)
_CONFIGURATION = (
    message(
        "BCP",
        "battery's charging parameters",
        to_charger(7, 0x06),
        cell_volts("max_cell_voltage_v", 1),
        amperes("max_current_a", 3),
        number("nominal_energy_kwh", 5, 2, 0.1, unit="kWh"),
        volts("max_voltage_v", 7),
        degrees("max_temperature_c", 9),
        number("soc_pct", 10, 2, 0.1, unit="%"),
        volts("pack_voltage_v", 12),
    ),
    message(
        "CTS",
        "charger's time",
        to_vehicle(6, 0x07),
        digits("second", 1, 1, 0, 59),
        digits("minute", 2, 1, 0, 59),
        digits("hour", 3, 1, 0, 23),
        digits("day", 4, 1, 1, 31),
        digits("month", 5, 1, 1, 12),
        digits("year", 6, 2, 2000, 2099),
        together=(("second", "minute", "hour", "day", "month", "year"),),
    ),
    message(
        "CML",
        "charger's limits",
        to_vehicle(6, 0x08),
        volts("max_voltage_v", 1),
        volts("min_voltage_v", 3),
        amperes("max_current_a", 5),
        amperes("min_current_a", 7),
    ),
    message("BRO", "battery ready", to_charger(4, 0x09), number("ready", 1, 1, words=_READY)),
    message("CRO", "charger ready", to_vehicle(4, 0x0A), number("ready", 1, 1, words=_READY)),
)
_CHARGING = (
    message(
        "BCL",
        "battery's demand",
        to_charger(6, 0x10),
        volts("voltage_v", 1),
        amperes("current_a", 3),
        number("mode", 5, 1, words=((1, "constant voltage"), (2, "constant current"))),
    ),
    message(
        "BCS",
        "battery's charging status",
        to_charger(7, 0x11),
        volts("voltage_v", 1),
        amperes("current_a", 3),
        bits("max_cell_voltage_v", 5, 1, 12, factor=0.01, unit="V"),
        bits("max_cell_group", 5, 13, 4),
        percent("soc_pct", 7),
        number("remaining_min", 8, 2, unit="min"),
    ),
    message(
        "CCS",
        "charger's charging status",
        to_vehicle(6, 0x12),
        volts("voltage_v", 1),
        amperes("current_a", 3),
        number("charged_min", 5, 2, unit="min"),
        bits("permitted", 7, 1, words=((0, "paused"), (1, "permitted")), optional=True),
    ),
    message(
        "BSM",
        "battery's state",
        to_charger(6, 0x13),
        number("max_cell_number", 1, 1, 1.0, 1.0),
        degrees("max_temperature_c", 2),
        number("max_temperature_point", 3, 1, 1.0, 1.0),
        degrees("min_temperature_c", 4),
        number("min_temperature_point", 5, 1, 1.0, 1.0),
        bits("cell_voltage_state", 6, 1, words=_LIMITS),
        bits("soc_state", 6, 3, words=_LIMITS),
        *states(
            _STATE,
            6,
            5,
            "current_state",
            "temperature_state",
            "insulation_state",
            "connector_state",
        ),
        bits("permitted", 7, 5, words=((0, "forbidden"), (1, "permitted"))),
    ),
    message("BMV", "cell voltages", to_charger(7, 0x15), *_cells(), mark="STD"),
    message(
        "BMT",
        "temperatures",
        to_charger(7, 0x16),
        *(degrees(f"t{point:03}", point, optional=True) for point in range(1, MOST_SENSORS + 1)),
        mark="STD",
    ),
    message(
        "BSP",
        "reserved",
        to_charger(7, 0x17),
        *(number(f"b{byte:02}", byte, 1, optional=True) for byte in range(1, MOST_RESERVED + 1)),
        mark="STD",
    ),
)
_END = (
    message(
        "BST",
        "battery stops",
        to_charger(4, 0x19),
        *states(
            _REASON,
            1,
            1,
            *("soc_reached", "voltage_reached", "cell_voltage_reached", "charger_stopped"),
            *("insulation_fault", "connector_overtemperature"),
            *("component_overtemperature", "connector_fault"),
            *("battery_overtemperature", "relay_fault", "cc2_fault", "other_fault"),
            *("current_too_high", "voltage_abnormal"),
        ),
        *states(_REASON, 4, 5, "parameter_mismatch", mark=_NEW_IN_2023),
    ),
    message(
        "CST",
        "charger stops",
        to_vehicle(4, 0x1A),
        *states(
            _REASON,
            1,
            1,
            *("condition_reached", "stopped_by_person", "fault", "vehicle_stopped"),
            *("charger_overtemperature", "connector_fault"),
            *("internal_overtemperature", "energy_not_deliverable"),
            *("emergency_stop", "other_fault"),
        ),
        *states(_REASON, 3, 5, "self_check_fault", "precharge_fault", mark=_NEW_IN_2023),
        *states(_REASON, 4, 1, "current_mismatch", "voltage_abnormal"),
        *states(_REASON, 4, 5, "parameter_mismatch", mark=_NEW_IN_2023),
    ),
    message(
        "BSD",
        "battery's statistics",
        to_charger(6, 0x1C),
        percent("soc_pct", 1),
        cell_volts("min_cell_voltage_v", 2),
        cell_volts("max_cell_voltage_v", 4),
        degrees("min_temperature_c", 6),
        degrees("max_temperature_c", 7),
    ),
    message(
        "CSD",
        "charger's statistics",
        to_vehicle(6, 0x1D),
        number("charged_min", 1, 2, unit="min"),
        number("energy_kwh", 3, 2, 0.1, unit="kWh"),
        replace(number("charger_number", 5, 4, secret=SERIAL_NUMBER), short_at=5),  # 2011: one byte of it
    ),
    message(
        "BEM",
        "battery's error",
        to_charger(2, 0x1E),
        *states(_TIMEOUT, 1, 1, "crm_00_timeout", "crm_aa_timeout"),
        *states(_TIMEOUT, 2, 1, "cts_cml_timeout", "cro_timeout"),
        *states(_TIMEOUT, 3, 1, "ccs_timeout", "cst_timeout"),
        *states(_TIMEOUT, 4, 1, "csd_timeout"),
    ),
    message(
        "CEM",
        "charger's error",
        to_vehicle(2, 0x1F),
        *states(_TIMEOUT, 1, 1, "brm_timeout"),
        *states(_TIMEOUT, 2, 1, "bcp_timeout", "bro_timeout"),
        *states(_TIMEOUT, 3, 1, "bcs_timeout", "bcl_timeout", "bst_timeout"),
        *states(_TIMEOUT, 4, 1, "bsd_timeout"),
        *states(_TIMEOUT, 4, 3, "bsm_timeout", mark="2023, single source"),
    ),
)
_EXTENSIONS = tuple(  # of vendors: the listener reports that they are there
    message(
        code, title, ids, number("current_limit_a", 1, 1, 100.0, unit="A"), bits("guns", 2, 1, 4), mark=SINGLE
    )
    for code, title, ids in (
        ("CFC", "charger confirms functions", to_vehicle(6, 0x30)),
        ("BFC", "battery confirms functions", to_charger(6, 0x31)),
    )
)
_DIAGNOSTICS = (
    _diagnostic("DM1", "present faults", 0x20, *_faults()),
    _diagnostic("DM2", "earlier faults", 0x21, *_faults()),
    _diagnostic("DM3", "ready", 0x22, number("present_faults", 1, 1), number("earlier_faults", 2, 1)),
    _diagnostic("DM4", "clear present faults", 0x23),
    _diagnostic("DM5", "clear earlier faults", 0x24),
    _diagnostic(
        "DM6",
        "freeze frame",
        0x25,
        number("first_length", 1, 1),
        bits("spn", 2, 1, 19),
        bits("fmi", 4, 4, 5),
        bits("occurrences", 5, 1, 7),
    ),
)

GBT27930 = CanProtocol(
    name="gbt27930",
    title="GB/T 27930, DC charger and vehicle",
    bit_rate=250_000,
    extended=True,
    called="GB/T 27930",
    messages=(
        *_RECOGNITION,
        *_CONFIGURATION,
        *_CHARGING,
        *_END,
        *_DIAGNOSTICS,
        *_EXTENSIONS,
        *NEGOTIATION,
        *SHORT_MESSAGES,
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
    periods_ms={
        **dict.fromkeys(("CHM", "BHM", "CRM", "CML", "BRO", "CRO", "BSM", "BSD", "CSD", "BEM", "CEM"), 250),
        **dict.fromkeys(("BCL", "CCS"), 50),
        **dict.fromkeys(("BST", "CST"), 10),
        "CTS": 500,
    },
    carriers=tuple(
        MessageSpec("TP", 6 << 26 | kind << 16 | to << 8 | sender, True, 8, (), (), 0, id_mask=PDU1_MASK)
        for to, sender in ((CHARGER, VEHICLE), (VEHICLE, CHARGER))
        for kind in (0xEC, 0xEB)
    ),
    counts_from=1,
)

"""The data model: every measurement with its tags and fields, one table for code and documentation alike.

Promises:
- A field never changes its kind: InfluxDB would refuse it.
- Numbers carry their unit in their name.
- Current and power are positive into the battery.

docs/data-model.md is made of this table (`make pages`).
"""

from collections.abc import Mapping, Sequence

from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.model.fields import Kind, Measurement, Place, Shown
from telemetry.model.fields import flag as _flag
from telemetry.model.fields import number as _number
from telemetry.model.fields import text as _text
from telemetry.model.health import HEALTH_MEASUREMENTS

MAX_NUMBERED_FIELDS = 999  # cells or temperature sensors of one pack: vNNN, tNNN


_VOLTAGE = Shown("Voltage", 2, Place.ELECTRICAL, "")
_CURRENT = Shown("Current", 2, Place.ELECTRICAL, "", is_signed=True)
_POWER = Shown("Power", 2, Place.ELECTRICAL, "", unit="kW", factor=0.001, own_decimals=0, is_signed=True)


def _temperature(label: str, short: str | None = None) -> Shown:
    return Shown(label, 1, Place.TEMPERATURE, short)


def _flown(label: str) -> Shown:
    return Shown(label, 1, Place.COUNTED)


def _energy(label: str, short: str | None = None) -> Shown:
    return Shown(label, 2, Place.COUNTED, short, unit="kWh", factor=0.001)


def _cell(label: str, short: str, numbered: str) -> Shown:
    return Shown(label, 3, Place.CELLS, short, numbered=numbered)


TAGS = {
    "vehicle": "the configured name of the vehicle; on every point",
    "source": "the configured name of the bus or port that the data came from; of an aggregate its own name",
    "pack": "the pack as configured (`main`); of a charging session the identity that the battery reports",
    "charger": "the configured inlet (`main` if none is named)",
    "code": "the event's word of the vocabulary below",
    "sa": "the sender's address (two hexadecimal digits), on messages that are matched by J1939 PGN, and the"
    " module's on those of charging modules",
}

_COUNTED = ", counted by the service (see below)"

BATTERY = Measurement(
    "battery",
    "a pack's state; rows are sparse: each holds what one frame reported, and what follows from it",
    ("vehicle", "pack", "source"),
    (
        _number("voltage_v", "pack voltage", _VOLTAGE),
        _number("current_a", "pack current, positive into the battery", _CURRENT),
        _number("power_w", "voltage times current, inputs at most 2 s apart, unless reported", _POWER),
        _number(
            "soc_pct",
            "state of charge as the BMS reports it",
            Shown("State of charge", 1, Place.CHARGE, "SOC"),
        ),
        _number("soh_pct", "state of health as the BMS reports it", Shown("State of health", 1, short="SOH")),
        _number("cell_min_v", "lowest cell voltage", _cell("Lowest cell", "lowest", "cell_min_index")),
        _number("cell_max_v", "highest cell voltage", _cell("Highest cell", "highest", "cell_max_index")),
        _number(
            "cell_delta_v",
            "highest less lowest cell voltage",
            Shown("Cell spread", 0, Place.CELLS, "spread", unit="mV", factor=1000.0),
        ),
        _number("cell_min_index", "number of the lowest cell, counted from 1"),
        _number("cell_max_index", "number of the highest cell, counted from 1"),
        _number(
            "temp_min_c",
            "lowest temperature of the pack's sensors",
            _temperature("Coldest sensor", "cold"),
        ),
        _number(
            "temp_max_c",
            "highest temperature of the pack's sensors",
            _temperature("Hottest sensor", "hot"),
        ),
        _number("temp_switch_c", "temperature of the BMS's power switches", _temperature("Switch")),
        _number("temp_balancer_c", "temperature of the balancer", _temperature("Balancer")),
        _number("temp_ambient_c", "temperature around the pack", _temperature("Ambient")),
        _number("remaining_ah", "charge left", Shown("Remaining", 1, short="left")),
        _number(
            "capacity_ah",
            "present full capacity; nominal only where the BMS reports no other",
            Shown("Capacity", 1, short="of"),
        ),
        _number("charged_ah", "charge that has flowed in" + _COUNTED, _flown("Charge in")),
        _number("discharged_ah", "charge that has flowed out" + _COUNTED, _flown("Charge out")),
        _number("charged_wh", "energy that has flowed in" + _COUNTED, _energy("Energy in")),
        _number("discharged_wh", "energy that has flowed out" + _COUNTED, _energy("Energy out")),
        _number("cycles", "full cycles so far", Shown("Cycles")),
        _number(
            "charge_limit_v",
            "voltage up to which the BMS lets the pack be charged",
            Shown("Voltage at most", 1, Place.LIMIT),
        ),
        _number(
            "charge_limit_a",
            "highest current into the pack that the BMS allows",
            Shown("Charging at most", 1, Place.LIMIT),
        ),
        _number(
            "discharge_limit_a",
            "highest current out of the pack that the BMS allows, as a positive number",
            Shown("Discharging at most", 1, Place.LIMIT),
        ),
        _number("insulation_kohm", "insulation resistance to the chassis", Shown("Insulation")),
        _flag("charging", "current flows into the battery: it is over the threshold (0.5 A)", "charging"),
        _flag(
            "discharging", "current flows out of the battery: it is over the threshold (0.5 A)", "discharging"
        ),
        _flag("charge_enabled", "the BMS's switch for charging is closed", "charge on", "charge off"),
        _flag(
            "discharge_enabled", "the BMS's switch for discharging is closed", "discharge on", "discharge off"
        ),
        _flag("balancing", "at least one cell is being balanced", "balancing"),
        _number(
            "protection_word", "the BMS's protection bits, raw", Shown("Protection word", place=Place.RAW)
        ),
        _number("balance_word", "the BMS's balancing bits, raw", Shown("Balance word", place=Place.RAW)),
        _number("packs_present", "of an aggregate: packs with a value of the last 10 s"),
        _number("packs_total", "of an aggregate: all its packs"),
        _number(
            "alarm_level", "of an aggregate: worst alarm active in a pack, 0 none, 1 warning, 2 critical"
        ),
        _text("cell_min_pack", "of an aggregate: the pack that has the lowest cell"),
        _text("cell_max_pack", "of an aggregate: the pack that has the highest cell"),
    ),
    notes=(
        "The four counters are the service's own, unless a `[[map]]` fills them: current and power over the"
        " frames' time, by trapezoids, in and out apart, written with the first current or power of each"
        " second. What lies between two readings is not counted where the later one is stamped earlier, or"
        " where they are more than 2 s apart (on a serial port three polls, at least 3 s): a gap is missing"
        " in them, never guessed. They start at 0 with the service, and when its configuration is read"
        " again; as with all such counters, ask for `increase()` in Flux or for the sum of"
        " `non_negative_difference()` in InfluxQL. `decode` counts with `--config` alone."
    ),
)

# Fields of `battery` that no pack has.
OF_AGGREGATES = ("packs_present", "packs_total", "alarm_level", "cell_min_pack", "cell_max_pack")

CELLS = Measurement(
    "cells",
    "one reading of all cells (or of all sensors, where other messages bring these), stamped with its last"
    " frame; an incomplete cycle of pages gives no point and is counted",
    ("vehicle", "pack", "source"),
    (
        _number("vNNN", "voltage of cell NNN, counted from 1; absent past the number of cells"),
        _number("tNNN", "temperature of sensor NNN in frame order; one lost or not fitted leaves a gap"),
    ),
    "A reading has pages of one cycle only, with the limits below. A cycle begins after the silence"
    " between two bursts of pages. Where pages are spread over the whole period, it begins with the page"
    " of the lowest cells. Silence and period are learnt from the pages, so the first readings may stand"
    " after the page that follows them, or be missing. A page that is next in the order of pages belongs"
    " to the cycle unless it comes half a period late: stamps may be off by more than half of the pause"
    " between two pages. A page that has not come for ten cycles and 10 s is an event `page_missing`. The"
    " others are read without it until it comes again. Limits: a reading may mix two cycles before the"
    " sender's cycle is known, if a third of all pages is lost. It may also mix them where two pages are"
    " lost in turns, where two evenly spread pages have stamps that are off by as much as the pages are"
    " apart, and, with a `time_scale` other than 1, where everything from one page to the next is lost. A"
    " pack is taken to send all its cells less often than each 20 ms. Cells that somebody asks for are read"
    " by [round](configuration.md#map).",
)

CHARGER = Measurement(
    "charger",
    "a charger's state",
    ("vehicle", "charger", "source"),
    (
        _number("voltage_v", "output voltage", _VOLTAGE),
        _number("current_a", "output current, positive into the battery", _CURRENT),
        _number("power_w", "voltage times current, inputs at most 2 s apart, unless reported", _POWER),
        _number(
            "requested_voltage_v",
            "voltage that the vehicle asks for",
            Shown("Voltage asked for", 1, short="asked"),
        ),
        _number(
            "requested_current_a",
            "current that the vehicle asks for",
            Shown("Current asked for", 1, short="asked", is_signed=True),
        ),
        _number(
            "max_voltage_v",
            "highest voltage that the charger can give",
            Shown("Voltage at most", 1, Place.LIMIT, "at most"),
        ),
        _number(
            "max_current_a",
            "highest current that the charger can give",
            Shown("Current at most", 1, Place.LIMIT, "at most"),
        ),
        _number(
            "discharge_current_a",
            "current out of the battery through the charger, as it reports it beside `current_a`",
            Shown("Discharge current", 1, short="out"),
        ),
        _number("energy_wh", "energy given, as the charger counts it", _energy("Energy given", "energy")),
        _text(
            "phase",
            "phase of the charging procedure, in the protocol's words",
            Shown("Phase"),
        ),
        _number("temp_c", "temperature of the charger", _temperature("Temperature", "")),
    ),
)

METER = Measurement(
    "meter",
    "an energy meter's state",
    ("vehicle", "charger", "source"),
    (
        _number("voltage_v", "voltage", _VOLTAGE),
        _number("current_a", "current, positive into the battery", _CURRENT),
        _number("power_w", "power, positive into the battery; voltage times current unless reported", _POWER),
        _number("energy_wh", "energy into the battery since the meter was reset", _energy("Energy in")),
        _number(
            "energy_reverse_wh", "energy out of the battery since the meter was reset", _energy("Energy out")
        ),
    ),
)

CHARGING_SESSION = Measurement(
    "charging_session",
    "one charging session, stamped with its start; written again each minute while it is open",
    ("vehicle", "pack", "charger"),
    (
        _flag("open", "the session has not ended"),
        _number("duration_s", "time since its start"),
        _number("energy_wh", "energy into the battery, by the best there is: meter, charger, vehicle"),
        _number("start_soc_pct", "state of charge at its start"),
        _number("end_soc_pct", "state of charge at its end, the present one while it is open"),
        _number("peak_power_w", "highest power"),
        _number("mean_power_w", "energy over duration"),
        _number("start_temp_max_c", "highest temperature at its start"),
        _number("end_temp_max_c", "highest temperature at its end"),
        _text("stop_reason", "why it ended: names of signals, sorted, with commas between them"),
        _text("stop_side", "who ended it: vehicle or charger"),
        _text("protocol", "how charger and vehicle talked"),
        _text("station", "the station's own number or name"),
        _text("outcome", "complete, stopped, error, cut, failed, unfinished; absent while it is open"),
        _text("edition", "edition of the protocol's standard, as far as its messages show it"),
        _number("attempts", "handshakes: 1 and one more for each reconnect"),
        _number("charging_s", "time in the phase charging, up to an error, without pauses"),
        _number("paused_s", "time in which charging was paused"),
        _number("gap_s", "time that nobody saw, since the service was not running"),
        _number("energy_vehicle_wh", "energy into the battery, as the vehicle measured power"),
        _number("energy_charger_wh", "energy into the battery, as the charger measured power"),
        _number("energy_meter_wh", "energy into the battery, as a meter or shunt measured power"),
        _number(
            "energy_discharged_wh",
            "energy out of the battery through the charger; absent where there is none",
        ),
        _number("covered_vehicle_s", "time that the vehicle's energy covers; gaps over 2 s are not in it"),
        _number("covered_charger_s", "time that the charger's energy covers"),
        _number("covered_meter_s", "time that the meter's energy covers"),
        _number("energy_difference_pct", "charger's less vehicle's energy over the time that both cover"),
        _number("station_energy_wh", "energy given, as the station counts it at the end"),
        _number("charged_ah", "charge into the battery, by the same source as `energy_wh`"),
        _number("requested_max_a", "highest current that the vehicle asked for"),
        _number("max_current_a", "highest current that the charger can give"),
        _number("max_voltage_v", "highest voltage that the charger can give"),
        _number("current_shortfall_mean_a", "current asked for less current given, mean while charging"),
        _number("current_shortfall_max_a", "the same, the highest mean of 10 s"),
        _number("voltage_excess_max_v", "voltage given over voltage asked for, the highest mean of 10 s"),
        _number("current_difference_mean_a", "charger's less vehicle's current, mean over common time"),
        _number("voltage_difference_mean_v", "charger's less vehicle's voltage, mean over common time"),
        _number("cell_max_v", "highest voltage of a cell"),
        _number("station_clock_offset_s", "the station's clock (local time in China) less the frame's stamp"),
        _text("vin", "the vehicle's identification number, by default as a digest"),
        _text("maker", "maker of the battery, as the vehicle reports it"),
        _text("battery_type", "chemistry of the battery, as the vehicle reports it"),
        _number("rated_ah", "rated capacity of the battery, as the vehicle reports it"),
    ),
)

CHARGING_PHASE = Measurement(
    "charging_phase",
    "one phase of one attempt of a charging session, stamped with its start; written again each minute while"
    " it lasts",
    ("vehicle", "pack", "charger"),
    (
        _text("session_start", "the session's stamp, RFC 3339"),
        _number("attempt", "which attempt of the session, from 1"),
        _text("phase", "handshake, recognition, configuration, charging, stopping or ended"),
        _number("duration_s", "how long it lasted"),
    ),
)

CHARGING_CURVE = Measurement(
    "charging_curve",
    "one percent of state of charge of one charging session, stamped when the percent was reached and written"
    " when it is left; a percent that is seen again adds nothing",
    ("vehicle", "pack", "charger"),
    (
        _text("session_start", "the session's stamp, RFC 3339 (a float would lose its last digits)"),
        _number("soc_pct", "state of charge"),
        _number("power_w", "power, mean over the percent"),
        _number("voltage_v", "pack voltage, mean over the percent"),
        _number("current_a", "pack current, positive into the battery, mean over the percent"),
        _number("temp_max_c", "highest temperature"),
        _number("cell_min_v", "lowest cell voltage"),
        _number("cell_max_v", "highest cell voltage"),
        _number("duration_s", "time in the percent"),
        _number("energy_wh", "energy into the battery in the percent"),
    ),
)

EVENT = Measurement(
    "event",
    "an alarm, a limit, a stop, a swap, a source lost or back",
    ("vehicle", "pack", "charger", "source", "code"),
    (
        _number("level", "0 information, 1 warning, 2 critical"),
        _flag("active", "it is so from now on (true) or no longer (false)"),
        _text("text", "what happened, for people"),
        _text("capture", "of a `[[trigger]]`: the id of what is sent and kept round it"),
    ),
)

GATEWAY = Measurement(
    "gateway",
    "the service about itself: with the tag `source` the accounts of one source, without it everything else;"
    " counts go on over restarts; all that a source can count is there from its first point on, as 0"
    " ([operations](operations.md#the-accounts) says what each source counts)",
    ("vehicle", "source"),
    (
        _number("offered", "frames that a simulator or a log says it offered"),
        _number("read", "frames read"),
        _number("kernel_dropped", "frames that the kernel says it dropped (a lower bound)"),
        _number("decoded", "frames that became points"),
        _number("absorbed", "frames that became part of a transport session's payload"),
        _number("without_signals", "frames of messages that a database names, without a signal of them"),
        _number("unknown", "frames that no database knows"),
        _number("lost_REASON", "frames lost for that reason"),
        _number("in_flight", "frames read and not yet accounted for"),
        _number("points_made", "points made"),
        _number("points_acknowledged", "points that the server has acknowledged"),
        _number("points_reduced", "points left out by `[reduce]`"),
        _number("points_evicted", "points evicted from the spool by its caps"),
        _number("points_damaged", "points lost to a damaged disk"),
        _number("points_dead", "points among the dead letters"),
        _number("points_waiting_memory", "points waiting in memory"),
        _number("points_waiting_disk", "points waiting on disk"),
        _number(
            "points_never_on_disk", "points that were sent from memory alone, since the disk refused them"
        ),
        _number("bound_factor", "by which bounds are multiplied from now on, where a link has a budget"),
        _number("frames_waiting", "frames read that wait for the pipeline"),
        _number("incomplete_cycles", "cycles of cell pages that were not complete"),
        _number("spool_bytes", "size of the spool on disk"),
        _number("spool_oldest_s", "age of the oldest batch that waits"),
        _number(
            "spool_written_bytes_per_h", "bytes written to the spool in the past hour, or since the start"
        ),
        _number("spool_syncs_per_h", "times the spool was synced in the past hour, or since the start"),
        _flag("spool_volatile", "the disk refuses: live data flows from memory alone"),
        _flag("sink_held", "the server refuses all: batches are held"),
        _number("cpu_s", "processor time used since the service started"),
        _number("memory_bytes", "resident memory"),
        _number("log_lines_dropped", "lines of the log that nobody has read in time"),
        _number("uptime_s", "time since the service started"),
        _text("version", "of the program"),
    ),
)

MEASUREMENTS = {
    measurement.name: measurement
    for measurement in (
        *(BATTERY, CELLS, CHARGER, METER),
        *(CHARGING_SESSION, CHARGING_PHASE, CHARGING_CURVE),
        *HEALTH_MEASUREMENTS,
        *(EVENT, GATEWAY),
    )
}


def numbered_field(prefix: str, number: int) -> str:
    """Return the field's name: `v001` for the first cell, `t001` for the first sensor."""
    return f"{prefix}{number:03d}"


def record_spec(measurement: Measurement, texts: Mapping[str, Sequence[str]] | None = None) -> RecordSpec:
    """Return the record of battery, charger or meter.

    `texts` holds the possible texts by field; a slot holds the index of one. Other text fields have no slot.
    """
    words = texts or {}
    slotted = (field for field in measurement.fields if field.kind is not Kind.TEXT or field.name in words)
    fields = tuple(
        _field_spec(field.name, field.kind, field.unit, words.get(field.name, ())) for field in slotted
    )
    return RecordSpec(measurement.name, fields, modelled=True)


def cells_record_spec(cell_count: int, sensor_count: int) -> RecordSpec:
    """Return the record of `cells`: v001 … for each cell, then t001 … for each sensor."""
    voltages, temperatures = CELLS.fields
    units = {numbered_field("v", number): voltages.unit for number in range(1, cell_count + 1)}
    units |= {numbered_field("t", number): temperatures.unit for number in range(1, sensor_count + 1)}
    fields = tuple(_field_spec(name, Kind.FLOAT, unit) for name, unit in units.items())
    return RecordSpec(CELLS.name, fields, modelled=True)


_SLOT_KINDS = {Kind.FLOAT: SlotKind.FLOAT, Kind.BOOL: SlotKind.BOOL, Kind.TEXT: SlotKind.TEXT}


def _field_spec(name: str, kind: Kind, unit: str, words: Sequence[str] = ()) -> FieldSpec:
    passes = kind is not Kind.FLOAT
    return FieldSpec(name, _SLOT_KINDS[kind], passes=passes, texts=tuple(enumerate(words)), unit=unit)

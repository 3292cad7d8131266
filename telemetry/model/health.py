"""The data model of battery health, which `telemetry.model.measurements` has among all others."""

from telemetry.model.fields import Measurement, flag, number, text

BATTERY_HEALTH = Measurement(
    "battery_health",
    "one charge of a pack as it is measured for its health, stamped with its start and written at its end",
    ("vehicle", "pack"),
    (
        number("from_soc_pct", "last state of charge before the current"),
        number("to_soc_pct", "last state of charge after it"),
        number("window_pct", "the second less the first"),
        number("charge_ah", "charge into the pack, by trapezoids; with what is bridged"),
        number("bridged_ah", "of it what was bridged: gaps up to 60 s between like currents"),
        number("energy_wh", "energy into the pack"),
        number("gap_s", "time without values that was not bridged"),
        number("paused_s", "pauses of the station in it, up to 15 min each"),
        number("mean_current_a", "current into the pack, mean over the time that is covered"),
        number("temp_mean_c", "temperature of the pack, mean"),
        flag("ended_full", "it ended at 99 % or more, with less than half of its highest current"),
        flag("used", "its capacity counts for that of the pack"),
        text("reason", "why it does not, the first of: swap, soc, gaps, window, chemistry"),
        number("charge_capacity_ah", "capacity by this charge: `charge_ah` over the window"),
        number("charge_capacity_sd_ah", "its standard deviation"),
        number("capacity_ah", "capacity of the pack, by all charges used so far"),
        number("capacity_low_ah", "lower end of its interval of 95 %"),
        number("capacity_high_ah", "upper end"),
        number("charges_used", "charges that it is of"),
        number(
            "soh_pct", "state of health: `capacity_ah` of the rated capacity; not the BMS's own, not SOCE"
        ),
        number("soh_low_pct", "lower end of its interval of 95 %"),
        number("soh_high_pct", "upper end"),
        number("resistance_mohm", "resistance of the pack over 1 s, of all steps since the charge before"),
        number("resistance_sd_mohm", "its standard deviation"),
        number("resistance_steps", "steps of current that it is of"),
        number("resistance_temp_c", "temperature of the pack at these steps, mean"),
        number("current_offset_a", "what the current shows too much: charge from full to full over its time"),
        number("weak_cell_index", "number of the cell with the least charge between like voltages"),
        number("weak_cell_ratio", "its charge over that of the median cell"),
        number("weak_cell_sd", "standard deviation of the ratio"),
        number("resistive_cell_index", "number of the cell with the highest resistance"),
        number("resistive_cell_ratio", "its resistance over that of the median cell"),
    ),
)

CELL_RESISTANCE = Measurement(
    "cell_resistance",
    "the resistance of each cell by the steps of current of a charge or drive, stamped with its start",
    ("vehicle", "pack"),
    (number("rNNN", "resistance of cell NNN over 0.2 to 1.5 s, counted from 1"),),
)

CELL_CHARGE = Measurement(
    "cell_charge",
    "the charge of each cell between like voltages, of a charge, stamped with its start",
    ("vehicle", "pack"),
    (number("qNNN", "charge of cell NNN over that of the median cell: a hint, no capacity"),),
)

CELL_DRIFT = Measurement(
    "cell_drift",
    "how far each cell is from the median at rest, stamped with the start of the rest",
    ("vehicle", "pack"),
    (
        number("dNNN", "voltage of cell NNN less that of the median cell"),
        number("soc_pct", "state of charge there: compare like with like"),
    ),
)

BATTERY_USE = Measurement(
    "battery_use",
    "a day (UTC) of a pack, stamped with its midnight; written again when the service stops",
    ("vehicle", "pack"),
    (
        number("charge_in_ah", "charge that has flowed in"),
        number("charge_out_ah", "charge that has flowed out"),
        number("energy_in_wh", "energy that has flowed in"),
        number("energy_out_wh", "energy that has flowed out"),
        number("full_cycles", "`charge_out_ah` over the pack's capacity, or its rated one"),
        number(
            "temp_TEMP_soc_SOC_s",
            "time from TEMP on for 10 K (`m10`: from -10 °C on), and from SOC on for 10 %; absent where 0",
        ),
    ),
)

HEALTH_MEASUREMENTS = (BATTERY_HEALTH, CELL_RESISTANCE, CELL_CHARGE, CELL_DRIFT, BATTERY_USE)

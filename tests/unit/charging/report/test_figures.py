"""Every figure of one session with its unit, on the page and as facts, by arithmetic by hand."""

import re
from dataclasses import replace

from telemetry.charging.report.facts import groups, meters
from telemetry.charging.report.page import page
from telemetry.charging.report.phrases import MINUS
from telemetry.charging.session import CurvePoint, Phase, Session, SessionError

START_NS = 1_772_445_600_000_000_000  # 2 March 2026, 10:00 UTC
SECOND = 10**9
SESSION = Session(
    START_NS,
    START_NS + 3720 * SECOND,
    "bus-7",
    "WXYZ-00000001",
    "bay-1",
    open=False,
    duration_s=3720.0,
    energy_wh=40_000.0,
    start_soc_pct=20.0,
    end_soc_pct=80.0,
    peak_power_w=52_300.0,
    mean_power_w=38_700.0,
    start_temp_max_c=21.0,
    end_temp_max_c=33.0,
    stop_reason="soc_reached",
    stop_side="vehicle",
    protocol="gbt27930",
    station="S-9",
    outcome="complete",
    edition="2015",
    attempts=2,
    charging_s=3600.0,
    paused_s=65.0,
    gap_s=4.0,
    energy_vehicle_wh=39_000.0,
    energy_charger_wh=40_000.0,
    covered_vehicle_s=3599.0,
    covered_charger_s=3550.0,
    energy_difference_pct=2.56,
    station_energy_wh=41_000.0,
    charged_ah=101.5,
    requested_max_a=120.0,
    max_current_a=250.0,
    max_voltage_v=750.0,
    current_shortfall_mean_a=1.25,
    current_shortfall_max_a=6.5,
    voltage_excess_max_v=0.4,
    current_difference_mean_a=-0.8,
    voltage_difference_mean_v=1.2,
    cell_max_v=4.1234,
    station_clock_offset_s=1.5,
    vin="LRWYGCEK1PC123457",
    maker="WXYZ",
    battery_type="LFP",
    rated_ah=153.7,
    phases=(Phase(1, "charging", START_NS, 600.0), Phase(2, "charging", START_NS + 660 * SECOND, 3000.0)),
    errors=(SessionError(START_NS + 600 * SECOND, 1, "charger", "bcs_timeout"),),
    curve=(
        CurvePoint(START_NS + SECOND, 20.0, 50_250.0, 400.0, 125.6, 21.0, 3.301, 3.322, 36.0, 503.0),
        CurvePoint(START_NS + 37 * SECOND, 21.0),
    ),
)
FACTS = {
    "The charge": {
        "Start": "2026-03-02T10:00:00Z",
        "End": "2026-03-02T11:02:00Z",
        "Plugged in for": "1 h 2 min",
        "Of which charging": "1 h 0 min",
        "Paused": "1 min 5 s",
        "Attempts": "2",
        "Protocol": "GB/T 27930 (2015)",
        "Station": "S-9",
        "Inlet": "bay-1",
        "Vehicle": "bus-7",
        "VIN": "LRWYGCEK1PC123457",
        "Pack": "WXYZ-00000001",
        "Station's clock": "1.5 s ahead",
    },
    "Asked and given": {
        "Highest current asked for": "120.0 A",
        "Charger can give": "250.0 A at 750.0 V",
        "Shortfall of current, mean": "1.2 A",
        "Shortfall of current, highest": "6.5 A",
        "Voltage above what was asked for, at most": "0.4 V",
        "Peak power": "52.3 kW",
        "Mean power": "38.7 kW",
    },
    "Battery": {
        "State of charge": "20 → 80 %",
        "Charge": "101.5 Ah",
        "Hottest at the start": "21 °C",
        "Hottest at the end": "33 °C",
        "Highest cell": "4.123 V",
        "Maker": "WXYZ",
        "Type": "LFP",
        "Rated": "153.7 Ah",
    },
    "Cross-check": {
        "Energy, charger less vehicle": "+2.6 %",
        "Current, charger less vehicle": f"{MINUS}0.8 A",
        "Voltage, charger less vehicle": "+1.2 V",
        "Energy by the station's own count": "41.00 kWh",
    },
    "Not seen": {
        "Nobody listened for": "4.0 s",
        "Without values of the vehicle": "1.0 s",
        "Without values of the charger": "50 s",
    },
}


def facts_of(session: Session) -> dict[str, dict[str, str]]:
    return {group.title: dict(group.facts) for group in groups(session)}


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table after this heading, without markup, its head first."""
    table = text.split(heading)[1].split("<table>")[1].split("</table>")[0]
    rows = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:])
    return [[re.sub(r"<[^>]*>", "", cell).replace("&#x27;", "'") for cell in row] for row in rows]


def test_every_fact_that_is_known_stands_with_its_unit() -> None:
    assert facts_of(SESSION) == FACTS


def test_what_is_not_known_or_is_nothing_is_left_out() -> None:
    bare = Session(START_NS, None, "unknown", "main", "bay", open=True, duration_s=5.0)
    assert facts_of(bare) == {
        "The charge": {
            "Start": "2026-03-02T10:00:00Z",
            "Plugged in for": "5.0 s",
            "Inlet": "bay",
            "Pack": "main",
        }
    }
    assert meters(bare) == []
    quiet = replace(SESSION, paused_s=0.0, gap_s=0.0, covered_vehicle_s=3599.5, covered_charger_s=None)
    assert "Paused" not in facts_of(quiet)["The charge"]
    assert "Not seen" not in facts_of(quiet)
    assert (
        facts_of(replace(SESSION, station_clock_offset_s=1.0))["The charge"]["Station's clock"]
        == "1.0 s ahead"
    )
    assert facts_of(replace(SESSION, max_voltage_v=None))["Asked and given"]["Charger can give"] == "250.0 A"


def test_without_phases_a_side_is_measured_by_the_time_of_charging() -> None:
    vehicle, charger = meters(replace(SESSION, phases=(), covered_vehicle_s=3700.0))
    assert (vehicle.name, vehicle.missing_s) == ("vehicle", 0.0)
    assert (charger.name, charger.energy_wh, charger.covered_s, charger.missing_s) == (
        *("charger", 40_000.0),
        *(3550.0, 50.0),
    )
    assert [each.missing_s for each in meters(replace(SESSION, phases=(), charging_s=None))] == [None, None]


def test_the_page_has_the_same_figures_in_its_head_and_its_tables() -> None:
    text = page(SESSION)
    head = text.split('class="figures"')[1].split("</dl>")[0]
    figures = dict(re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", head))
    assert figures == {
        "State of charge": "20 → 80 %",
        "Energy": "40.00 kWh",
        "Peak power": "52.3 kW",
        "Mean power": "38.7 kW",
        "Plugged in for": "1 h 2 min",
        "Charging for": "1 h 0 min",
    }
    assert rows_of(text, "Phases and attempts") == [
        ["attempt", "phase", "from", "for"],
        ["1", "charging", "10:00:00.0", "10 min"],
        ["2", "charging", "10:11:00.0", "50 min"],
    ]
    names, error = rows_of(text, '<h2 id="errors">')
    assert names == ["at", "attempt", "reported by", "what"]
    assert error[:3] == ["10:10:00.0", "1", "charger"]
    assert rows_of(text, "Energy by who measured it") == [
        ["", "energy", "covered", "not covered"],
        ["by the vehicle", "39.00 kWh", "59 min 59 s", "1.0 s"],
        ["by the charger", "40.00 kWh", "59 min 10 s", "50 s"],
        ["by the station's own count", "41.00 kWh", "", ""],
    ]
    assert rows_of(text, "The curve in figures")[1:] == [
        [
            *("20 %", "10:00:01.0", "36 s", "50.25 kW", "400.0 V", "125.6 A", "0.503 kWh"),
            *("3.301 V", "3.322 V", "21 °C"),
        ],
        ["21 %", "10:00:37.0", *[""] * 8],
    ]
    assert text.count('<th scope="col"') == 4 + 4 + 4 + 10
    assert "<td scope" not in text
    without = page(replace(SESSION, station_energy_wh=None))
    assert len(rows_of(without, "Energy by who measured it")) == 3

"""The dashboard `charging`: chargers, single charges, and what charging does to the packs."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import dashboard, drawn, packs, vehicles
from dashboards.influx import PACK_OF_SOURCE, Language, Values
from dashboards.panels import CHARGER, PACK, PACK_AND_SOURCE, Asked, Panels, falling, rising
from dashboards.units import unit_of

_INTO_BATTERY = Values("battery", "charged_wh", by=PACK_OF_SOURCE)
_BY_CHARGER = ("vehicle", "charger")
_CHARGE_TAGS = ("vehicle", "pack", "charger")
_CHARGE_FIELDS = (
    *("outcome", "stop_side", "stop_reason", "station", "start_soc_pct", "end_soc_pct", "energy_wh"),
    *("duration_s", "charging_s", "requested_max_a", "current_shortfall_mean_a", "attempts"),
)


def _charger(field: str) -> Values:
    return Values("charger", field, by=_BY_CHARGER, where=("vehicle",))


def charging(language: Language) -> Dashboard:
    """Show all chargers and packs of the chosen vehicles."""
    panels = Panels(language)

    def wanted_and_given(title: str, quantity: str) -> timeseries.Panel:
        given, wanted = _charger(quantity), _charger(f"requested_{quantity}")
        return panels.lines(
            title,
            [
                Asked(language.course(given), f"given {CHARGER}"),
                Asked(language.course(wanted), f"asked for {CHARGER}"),
            ],
            unit=unit_of("charger", quantity),
        )

    shortfall = Values("charging_session", "current_shortfall_mean_a", by=_BY_CHARGER)

    def measured(by: str) -> Asked:
        values = Values("charging_session", f"energy_{by}_wh", by=_CHARGE_TAGS)
        return Asked(language.sums_per_day(values), f"by the {by} {PACK}")

    return dashboard(
        language,
        "charging",
        "Chargers, charging power, energy, and how long it takes.",
        [vehicles(language), packs(language), *drawn()],
        [
            (
                "Now",
                [
                    panels.words("Phase", Asked(language.latest(_charger("phase")), CHARGER)),
                    panels.number(
                        "Charger's power",
                        Asked(language.latest(_charger("power_w")), CHARGER),
                        unit=units.Watt,
                    ),
                    panels.number(
                        "Charger's temperature",
                        Asked(language.latest(_charger("temp_c")), CHARGER),
                        unit=unit_of("charger", "temp_c"),
                        limits=rising(70.0, 85.0),
                    ),
                    panels.number(
                        "Energy given",
                        Asked(language.growth(_charger("energy_wh")), CHARGER),
                        unit=unit_of("charger", "energy_wh"),
                        description="Within the time range, as the charger counts it.",
                    ),
                    panels.number(
                        "State of charge",
                        Asked(language.latest(Values("battery", "soc_pct"))),
                        unit=unit_of("battery", "soc_pct"),
                        limits=falling(10.0, 20.0),
                    ),
                    panels.number(
                        "Coldest sensor",
                        Asked(language.latest(Values("battery", "temp_min_c"))),
                        unit=unit_of("battery", "temp_min_c"),
                        limits=falling(0.0, 5.0),
                        description="Below 0 °C lithium cells are harmed by charging.",
                    ),
                ],
            ),
            (
                "Course",
                [
                    panels.lines(
                        "Charger's power",
                        [Asked(language.course(_charger("power_w"), "max"), CHARGER)],
                        unit=unit_of("charger", "power_w"),
                    ),
                    panels.lines(
                        "State of charge",
                        [Asked(language.course(Values("battery", "soc_pct")))],
                        unit=unit_of("battery", "soc_pct"),
                        lowest=0.0,
                        highest=100.0,
                    ),
                    wanted_and_given("Current", "current_a"),
                    wanted_and_given("Voltage", "voltage_v"),
                ],
            ),
            (
                "Charges",
                [
                    panels.rows(
                        "Charges",
                        language.listing("charging_session", _CHARGE_TAGS, _CHARGE_FIELDS),
                        description="Stamped with their start. Who ended it and why; empty: nobody said.",
                    ),
                    panels.bars(
                        "Energy of charges, a day",
                        [measured("vehicle"), measured("charger"), measured("meter")],
                        unit=units.KiloWattHour,
                        description="By who measured it; each covers the time in which it was heard.",
                    ),
                    panels.bars(
                        "Current asked for less given",
                        [Asked(language.over_time(shortfall), CHARGER)],
                        unit=unit_of("charging_session", "current_shortfall_mean_a"),
                        description="Mean of each charge.",
                    ),
                ],
            ),
            (
                "Day by day",
                [
                    panels.bars(
                        "Energy into the battery, a day",
                        [Asked(language.thousands_per_day(_INTO_BATTERY), PACK_AND_SOURCE)],
                        unit=units.KiloWattHour,
                        description="Counted over every frame; with what comes back while braking.",
                    ),
                    panels.bars(
                        "From 20 to 80 %, a day",
                        [Asked(language.minutes_per_day_between(20.0, 80.0), PACK)],
                        unit=units.Minutes,
                        description="Whole minutes in which the pack was charged, and not by braking.",
                    ),
                    panels.states("Phase", [Asked(language.states(_charger("phase")), CHARGER)], mappings=[]),
                ],
            ),
        ],
    )

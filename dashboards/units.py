"""Grafana's units for the data model's fields: the unit stands in the field's name, once and for all."""

from grafana_foundation_sdk.models import units

from telemetry.model.measurements import MEASUREMENTS

_GRAFANA = {
    "V": units.Volt,
    "A": units.Ampere,
    "W": units.Watt,
    "Wh": units.WattHour,
    "Ah": units.AmpereHour,
    "kΩ": units.KiloOhm,
    "%": units.Percent,
    "°C": units.Celsius,
    "s": units.Seconds,
    "byte": units.BytesIEC,
    "byte/h": "suffix:B/h",
    "1/h": "suffix:/h",
    "": units.Short,
}


def unit_of(measurement: str, field: str) -> str:
    """Raises KeyError for a field that the data model does not have."""
    fields = {each.name: each for each in MEASUREMENTS[measurement].fields}
    return _GRAFANA[fields[field].unit]

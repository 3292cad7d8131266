"""What the configuration says of charging: `[charging]`, `[cross_check]` and each `[[session]]`."""

from dataclasses import dataclass

from telemetry.errors import ConfigError
from telemetry.toml_document import Where
from telemetry.toml_table import TomlTable

VIN_FORMS = ("digest", "plain", "off")


@dataclass(frozen=True, slots=True)
class CrossCheckSettings:
    """How far apart measurements of one thing may be: so much and so many percent together, for so long."""

    current_a: float = 2.0
    current_pct: float = 2.0
    voltage_v: float = 5.0
    voltage_pct: float = 1.0
    for_s: float = 30.0


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """A charging session that no protocol shows: power of one pack, or of one charger, over a threshold."""

    pack: str = ""
    charger: str = ""
    starts_above_w: float = 100.0
    starts_after_s: float = 60.0
    ends_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class ChargingSettings:
    """Everything of charging."""

    vin: str = "digest"  # one of VIN_FORMS
    cross_check: CrossCheckSettings = CrossCheckSettings()
    sessions: tuple[SessionSettings, ...] = ()


def read_charging(table: TomlTable, cross_check: TomlTable, sessions: "list[TomlTable]") -> ChargingSettings:
    """`[charging]`, `[cross_check]` and all `[[session]]`. Raises ConfigError."""
    vin = table.take_text("vin", "digest", one_of=VIN_FORMS)
    table.close()
    default = CrossCheckSettings()
    checked = CrossCheckSettings(
        current_a=cross_check.take_number("current_a", default.current_a, least=0.0),
        current_pct=cross_check.take_number("current_pct", default.current_pct, least=0.0),
        voltage_v=cross_check.take_number("voltage_v", default.voltage_v, least=0.0),
        voltage_pct=cross_check.take_number("voltage_pct", default.voltage_pct, least=0.0),
        for_s=cross_check.take_number("for_s", default.for_s, least=10.0),
    )
    cross_check.close()
    return ChargingSettings(vin, checked, tuple(_session(each) for each in sessions))


def _session(table: TomlTable) -> SessionSettings:
    default = SessionSettings()
    settings = SessionSettings(
        pack=table.take_optional_text("pack") or "",
        charger=table.take_optional_text("charger") or "",
        starts_above_w=table.take_number("starts_above_w", default.starts_above_w, least=0.0),
        starts_after_s=table.take_number("starts_after_s", default.starts_after_s, least=0.0),
        ends_after_s=table.take_number("ends_after_s", default.ends_after_s, least=1.0),
    )
    where: Where = table.where()
    table.close()
    if bool(settings.pack) == bool(settings.charger):
        raise ConfigError("names one of pack and charger", where=where, hint='such as pack = "main"')
    return settings

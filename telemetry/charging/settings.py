"""What the configuration says of charging: `[charging]`, `[cross_check]` and each `[[session]]`."""

from telemetry.errors import ConfigError
from telemetry.settings.declared import key, settings
from telemetry.settings.table import TomlTable

VIN_FORMS = ("digest", "plain", "off")


@settings
class CrossCheckSettings:
    """How far apart measurements of one thing may be: so much and so many percent together, for so long."""

    current_a: float = key(
        "currents that are asked for and measured may be so far apart, …", default=2.0, least=0.0
    )
    current_pct: float = key("… and so many percent of the higher one besides", default=2.0, least=0.0)
    voltage_v: float = key("voltages may be so far apart, …", default=5.0, least=0.0)
    voltage_pct: float = key("… and so many percent of the higher one besides", default=1.0, least=0.0)
    for_s: float = key("an event comes after so long beyond that, in means of 10 s", default=30.0, least=10.0)


@settings
class SessionSettings:
    """A charging session that no protocol shows: power of one pack, or of one charger, over a threshold."""

    pack: str = key(
        "the pack into which power flows, as a `[[map]]` or a device names it; or …", default="", shown="none"
    )
    charger: str = key("… the charger that gives it", default="", shown="none")
    starts_above_w: float = key("a session begins with power over this …", default=100.0, least=0.0)
    starts_after_s: float = key("… that lasts so long: braking is shorter", default=60.0, least=0.0)
    ends_after_s: float = key("it ends after so long without", default=300.0, least=1.0)

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless one of pack and charger is named."""
        if bool(self.pack) == bool(self.charger):
            raise ConfigError(
                "names one of pack and charger", where=table.where(), hint='such as pack = "main"'
            )


@settings
class VinSettings:
    """`[charging]`."""

    vin: str = key(
        'how a vehicle identification number is written: `"digest"`: 12 hexadecimal digits that only'
        ' this installation can make of it, `"plain"`: as it is, `"off"`: not at all, in sessions and in'
        " rows of messages; `decode` writes it as it is",
        default="digest",
        one_of=VIN_FORMS,
    )


@settings
class ChargingSettings:
    """Everything of charging. vin: one of VIN_FORMS."""

    vin: str = "digest"
    cross_check: CrossCheckSettings = CrossCheckSettings()
    sessions: tuple[SessionSettings, ...] = ()

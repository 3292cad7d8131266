"""What the configuration says of battery health: each `[[health]]`, of one pack."""

from telemetry.rules.map_entry import MAIN
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where

LFP = "lfp"
_FIRST = Where("health[0]")


@settings
class HealthSettings:
    """One `[[health]]` of the configuration."""

    pack: str = key("the pack, as a `[[map]]` or a device names it", default=MAIN)
    rated_ah: float | None = key(
        "its capacity when it was new, against which state of health is given",
        default=None,
        shown="as GB/T 27930 reports it",
        above=0.0,
        most=5_000.0,
    )
    chemistry: str = key(
        "of `lfp` only charges that end full count; `other` is taken as `nmc`",
        default="other",
        one_of=("nmc", LFP, "other"),
    )
    soc_error_pct: float = key(
        "standard deviation of a difference between two states of charge", default=3.3, above=0.0, most=20.0
    )
    current_error_pct: float = key(
        "standard deviation of the current's gain, from one sensor to another",
        default=1.0,
        least=0.0,
        most=20.0,
    )
    current_offset_a: float = key("likewise of its offset", default=0.3, least=0.0, most=20.0)
    min_window_pct: float = key(
        "a charge over less than this of the state of charge says nothing of capacity",
        default=30.0,
        least=10.0,
        most=90.0,
    )
    where: Where = _FIRST  # key path, for messages
